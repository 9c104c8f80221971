"""The template of CloudFormation with the names of docs/deploy.md, and the files of deploy/ecs that are made of it.

python -m tests.deploy.rendered    # writes deploy/ecs anew
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.deploy.stacks import camel
from tests.deploy.template import Stack, load

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TEMPLATE = DEPLOY / "cloudformation" / "ecsync.yaml"
ACCOUNT, REGION, NAME = "123456789012", "eu-west-1", "ecsync-production"
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
GIVEN = {
    "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/ecsync:0.1.0",
    "Vpc": "vpc-1",
    "Subnets": "subnet-1,subnet-2",
    "AssignPublicIp": "ENABLED",
}


def rendered(**given: str) -> Stack:
    """Return the stack with these parameters beside those of the docs, as if all its resources existed."""
    stack = Stack(load(TEMPLATE), {**GIVEN, **given}, ACCOUNT, REGION)
    roles = {f"{one.title()}Role": f"{NAME}-{one}" for one in ("execution", "apply", "prune", "publish")}
    roles["TaskRole"] = NAME
    stack.physical |= {
        **roles,
        "ManifestsBucket": BUCKET,
        "LeaseTable": NAME,
        "LogGroup": f"/ecsync/{stack.parameters['Installation']}",
        "OwnCluster": NAME,
        "TaskDefinition": NAME,
        "GitHubProvider": PROVIDER,
    }
    stack.attributes |= {name: {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{role}"} for name, role in roles.items()}
    stack.attributes |= {
        "ManifestsBucket": {"Arn": f"arn:aws:s3:::{BUCKET}"},
        "LeaseTable": {"Arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{NAME}"},
        "SecurityGroup": {"GroupId": "sg-1"},
        "Service": {"Name": NAME},
    }
    return stack


def files() -> dict[str, Any]:
    """Return the content of the files of deploy/ecs by their names."""
    stack = rendered(GitHubRepository="acme/deploy", GitHubOidcProvider=PROVIDER)
    publish = stack.properties("PublishRole")
    alarms = [stack.properties(name) for name in stack.resources() if name.endswith("Alarm")]
    service = camel(stack.properties("Service"))
    del service["networkConfiguration"]  # an option of the command has it: ids are not known before
    rules = stack.properties("ManifestsBucket")["LifecycleConfiguration"]["Rules"]
    return {
        "trust-tasks.json": stack.properties("TaskRole")["AssumeRolePolicyDocument"],
        "trust-controller.json": stack.properties("ApplyRole")["AssumeRolePolicyDocument"],
        "trust-github.json": publish["AssumeRolePolicyDocument"],
        "policy-controller.json": stack.properties("TaskPolicy")["PolicyDocument"],
        "policy-publish.json": publish["Policies"][0]["PolicyDocument"],
        "policy-bucket.json": stack.properties("ManifestsBucketPolicy")["PolicyDocument"],
        "bucket-lifecycle.json": {"Rules": [{"ID": one.pop("Id"), "Filter": {}, **one} for one in rules]},
        "lease-table.json": stack.properties("LeaseTable"),
        "task-definition.json": camel(stack.properties("TaskDefinition")),
        "service.json": service,
        **{f"alarm-{one['AlarmName'].rsplit('-', 1)[1]}.json": one for one in alarms},
    }


def main() -> None:
    """Write the files."""
    for name, content in files().items():
        (DEPLOY / "ecs" / name).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
