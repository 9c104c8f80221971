"""What a reader of a page has before the first block: files, environment variables and things in the account."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace

from ecsim import Settings as Account
from ecsync import wiring
from ecsync.config import Settings
from ecsync.wiring import seeding
from tests.docs.shell import Shell
from tests.whole.support.environment import Environment

Prepare = Callable[[Shell, Environment], None]


def prepare(page: str, shell: Shell, environment: Environment) -> None:
    """Give a reader what every page assumes, and what this page assumes."""
    environment.reset(settling=False)
    _bucket(environment)
    for place, needs in READERS.items():
        if page == place or (place.endswith("/") and page.startswith(place)):
            for one in needs:
                one(shell, environment)


def _bucket(environment: Environment) -> None:
    """Create the bucket of the examples."""
    configuration = {"LocationConstraint": "eu-west-1"}
    environment.aws("s3").create_bucket(Bucket="shop-manifests", CreateBucketConfiguration=configuration)


def settings(shell: Shell, _: Environment) -> None:
    """Set the settings that every writing command needs."""
    shell.environment |= {"ECSYNC_INSTALLATION": "prod", "ECSYNC_ACCOUNT": "123456789012"}


def quickstart(_: Shell, environment: Environment) -> None:
    """Run the quickstart, as an earlier page has left it."""
    environment.controller(installation="prod").converge(pause=150.0)


def shop(shell: Shell, _: Environment) -> None:
    """Make the manifests of an application `shop`, which the runbooks use as their example."""
    folder = shell.folder / "manifests" / "shop"
    shutil.copytree(shell.folder / "manifests" / "quickstart", folder)
    file = folder / "application.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("name: quickstart", "name: shop"), encoding="utf-8")


def without_a_rule(_: Shell, environment: Environment) -> None:
    """Delete the listener rule of the quickstart, as a person does."""
    elb = environment.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    elb.delete_rule(RuleArn=next(one["RuleArn"] for one in rules if not one["IsDefault"]))


def services(_: Shell, environment: Environment) -> None:
    """Create a cluster `shop` with a service, without ecsync."""
    ecs = environment.aws("ecs")
    ecs.create_cluster(clusterName="shop")
    container = {"name": "web", "image": "public.ecr.aws/nginx/nginx:1.27", "essential": True}
    ecs.register_task_definition(
        family="web",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    subnet = environment.aws("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
    ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    environment.simulator.advance(150.0)


def seoul(_: Shell, environment: Environment) -> None:
    """Make the account that of ap-northeast-2, with the VPC that manifests/tilog looks up."""
    environment.simulator.settings = replace(_account(environment), region="ap-northeast-2")
    environment.simulator.reset()
    workspace = wiring.workspace(Settings(), "manifests/tilog", read_only=True)
    catalogue = workspace.catalogue(workspace.source("manifests/tilog").fetch())
    assert list(seeding.seed(catalogue, Settings(), environment.simulator.url))


def _account(environment: Environment) -> Account:
    found: Account = environment.simulator.settings
    return found


def secrets(shell: Shell, _: Environment) -> None:
    """Set the secrets of a client of the API and of a sender of webhooks."""
    shell.environment |= {"TOKEN": "a-token-of-the-tests", "SECRET": "YS1zZWNyZXQtb2YtdGhlLXRlc3Rz"}


def repository(shell: Shell, _: Environment) -> None:
    """Give git a name, so that commits can be made."""
    shell.environment |= {
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
        "GIT_CONFIG_NOSYSTEM": "1",
    }


# What a page, or each page of a folder, assumes: beside a copy of `manifests/` and `deploy/`, credentials, a Region and
# the bucket `shop-manifests`.
READERS: Mapping[str, tuple[Prepare, ...]] = {
    "README.md": (services,),
    "docs/cli.md": (secrets,),
    "docs/start/adopt.md": (services,),
    "docs/start/tilog.md": (seoul,),
    "docs/how-to/push-to-deploy.md": (repository,),
    "docs/how-to/roll-back.md": (settings, repository),
    "docs/how-to/restore.md": (quickstart, without_a_rule),
    "docs/how-to/leave.md": (quickstart,),
    "docs/concepts/compromised.md": (quickstart,),
    "docs/runbooks/": (settings, shop),
    "docs/container.md": (settings, secrets),
}
