"""Unusual clusters: similar names, deregistered revisions, odd texts, fixed addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.importer.account import ImportedApplication, changes
from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.readers import FailingReader
from tests.importer.recipes.recipe import load_balancer

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/{}"
LONG = "s" * 254


def _imported(builder: AccountBuilder) -> ImportedApplication:
    builder.account.simulator.advance(300)
    return ImportedApplication(builder.account, dict(builder.account.import_cluster().files))


def test_an_empty_cluster_is_one_document(builder: AccountBuilder) -> None:
    """The files hold the cluster alone."""
    imported = _imported(builder)
    assert sorted(imported.files) == ["application.yaml", "cluster.yaml"]
    assert [str(one.key) for one in imported.application().resources] == ["Cluster/prod"]
    assert changes(imported.plan()) == []


def test_services_with_similar_names_have_separate_documents_and_files(builder: AccountBuilder) -> None:
    """This holds on a case-insensitive disk too, and for names that are too long for a document."""
    names = ("Web", "web", "WEB", "_x", "-x", "x", "a_b", "a-b", "api", "application", LONG + "a", LONG + "A")
    for name in names:
        builder.service(name, taskDefinition=builder.task("app"))
    imported = _imported(builder)
    services = [one for one in imported.application().resources if one.key.kind == "Service"]
    assert {one.body["serviceName"] for one in services} == set(names)
    assert len({one.key.name.lower() for one in services}) == len(names)
    files = [name.lower() for name in imported.files]
    assert (len(set(files)), sum(name.startswith("services/") for name in files)) == (len(files), len(names))
    assert changes(imported.plan()) == []


def test_only_the_service_on_the_newest_revision_refers_to_it(builder: AccountBuilder) -> None:
    """The revisions have the same content. Whatever the order of the files, the plan deploys nothing."""
    for name in ("z", "a", "m"):
        builder.service(name, taskDefinition=builder.task("app"))
    imported = _imported(builder)
    assert [name for name, text in imported.files.items() if "${TaskDefinition/app}" in text] == ["services/m.yaml"]
    assert changes(imported.plan()) == []
    imported.files["0.yaml"] = imported.files.pop("services/z.yaml")
    assert changes(imported.plan()) == []


@pytest.mark.parametrize("deleted", [False, True])
def test_the_newest_registered_revision_is_written(builder: AccountBuilder, deleted: bool) -> None:
    """A deregistered or deleted revision cannot be registered again: the service refers to it by ARN."""
    old, new = builder.task("app"), builder.task("app", container={"image": "nginx:2"})
    builder.service("old", taskDefinition=old)
    builder.service("new", taskDefinition=new)
    builder.account.simulator.advance(300)
    builder.ecs.deregister_task_definition(taskDefinition=new)
    if deleted:
        builder.ecs.delete_task_definitions(taskDefinitions=[new])
    imported = _imported(builder)
    assert "taskDefinition: ${TaskDefinition/app}" in imported.files["services/old.yaml"]
    assert f"taskDefinition: {new}" in imported.files["services/new.yaml"]
    assert changes(imported.plan()) == []


def test_a_revision_that_aws_no_longer_describes_is_not_written(builder: AccountBuilder) -> None:
    """A service may still run it: the service refers to it by ARN."""
    builder.service("api")
    builder.account.simulator.advance(300)
    reader = FailingReader(builder.account.cloud(), lambda *at: "missing" if at[1] == "DescribeTaskDefinition" else "")
    generated = builder.account.import_cluster(reader)
    assert "task-definition/api:1" in generated.files["services/api.yaml"]
    assert ([key for key in generated.documents if key.kind == "TaskDefinition"], generated.complete) == ([], True)


def test_a_document_that_no_manifest_can_hold_is_left_out(builder: AccountBuilder) -> None:
    """A key cannot be a reference: this task definition is referred to by ARN, and the application is valid."""
    task = builder.task("api", container={"dockerLabels": {"${Cluster/prod}": "x"}})
    builder.service("api", taskDefinition=task)
    builder.service("web")
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    imported = ImportedApplication(builder.account, dict(generated.files))
    assert f"taskDefinition: {task}" in imported.files["services/api.yaml"]
    assert [gap.resource for gap in generated.gaps] == ["TaskDefinition/api"]
    assert "a key cannot contain a reference" in generated.gaps[0].reason
    assert not generated.complete
    assert changes(imported.plan()) == []


@pytest.mark.parametrize("text", ["\n", "a\n\n", "a\n\n\n", "a\n", "a", "\n\na", " a\n", "a\n \n"])
def test_empty_lines_at_the_end_of_a_text_are_kept(builder: AccountBuilder, text: str) -> None:
    """The empty line between documents is not part of the text."""
    for name in ("a", "b"):
        task = builder.task(
            name,
            container={"name": "app", "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": text}}},
        )
        builder.service(name, taskDefinition=task)
    imported = _imported(builder)
    tasks = [one for one in imported.application().resources if one.key.kind == "TaskDefinition"]
    assert [one.body["containerDefinitions"][0]["logConfiguration"]["options"] for one in tasks] == [
        {"splunk-url": text}
    ] * 2


def test_a_resource_with_a_copied_mark_is_read_only(builder: AccountBuilder) -> None:
    """A service that was created from the description of another carries the tags of that one."""
    tags = [{"key": "ecsync:owner", "value": "v1/test/prod/Service/api"}, {"key": "ecsync:id", "value": "0" * 12}]
    for name in ("one", "two"):
        builder.service(name, tags=tags)
    imported = _imported(builder)
    managed = {
        str(one.key): one.options.manage for one in imported.application().resources if one.key.kind == "Service"
    }
    assert managed == {"Service/one": False, "Service/two": False}
    assert (
        "# Read-only: its ecsync:owner tag was copied from another resource.\n" in imported.files["services/one.yaml"]
    )
    assert changes(imported.plan()) == []


def test_listeners_and_rules_that_codedeploy_shifts_are_read_only(builder: AccountBuilder) -> None:
    """CodeDeploy swaps the target groups behind them; the service keeps the one that it was created with."""
    behind = builder.routed_target_group("api")
    group = builder.target_group("web")
    builder.listener("web", 8080, DefaultActions=[forward(group)])
    builder.service("api", loadBalancers=[behind], deploymentController={"type": "CODE_DEPLOY"})
    builder.service("web", loadBalancers=[load_balancer(group)], deploymentController={"type": "CODE_DEPLOY"})
    imported = _imported(builder)
    managed = {
        str(one.key): one.options.manage for one in imported.application().resources if one.key.kind != "Network"
    }
    assert [name for name, ours in managed.items() if not ours] == ["Listener/web-8080", "ListenerRule/api-1"]
    assert "- targetGroupArn: ${TargetGroup/api}" in imported.files["services/api.yaml"]
    assert changes(imported.plan()) == []


@pytest.mark.parametrize("own", ["AllocationId", "PrivateIPv4Address"])
def test_fixed_addresses_of_a_load_balancer_are_written(builder: AccountBuilder, own: str) -> None:
    """Its subnets are written as mappings: with plain subnets, AWS would choose the addresses."""
    elastic = builder.account.aws("ec2").allocate_address(Domain="vpc")["AllocationId"]
    address, scheme = (elastic, "internet-facing") if own == "AllocationId" else ("172.31.0.9", "internal")
    mapping = {"SubnetId": builder.subnets[0], own: address}
    created = builder.elb.create_load_balancer(Name="net", Type="network", Scheme=scheme, SubnetMappings=[mapping])
    builder.arns["net"] = created["LoadBalancers"][0]["LoadBalancerArn"]
    group = builder.target_group("dns", Protocol="TCP", Port=53)
    builder.listener("net", 53, Protocol="TCP", DefaultActions=[forward(group)])
    builder.service("dns", loadBalancers=[load_balancer(group)])
    imported = _imported(builder)
    (balancer,) = (one for one in imported.application().resources if one.key.kind == "LoadBalancer")
    assert (balancer.body["SubnetMappings"], balancer.body.get("Subnets")) == ([mapping], None)
    assert changes(imported.plan()) == []


def test_an_attribute_that_differs_from_its_default_is_written(builder: AccountBuilder) -> None:
    """Some attributes are off by default, others on."""
    group = builder.target_group("dns", Protocol="TCP", Port=53)
    attributes = [{"Key": "preserve_client_ip.enabled", "Value": "true"}]
    builder.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    builder.load_balancer("net", Type="network")
    builder.listener("net", 53, Protocol="TCP", DefaultActions=[forward(group)])
    builder.service("dns", loadBalancers=[load_balancer(group)])
    text = _imported(builder).files["services/dns.yaml"]
    assert "    Attributes:\n      preserve_client_ip.enabled: true\n" in text


def test_the_network_mode_of_a_fargate_task_definition_is_written(builder: AccountBuilder) -> None:
    """AWS refuses a Fargate revision without it, so an edit of the file would fail."""
    builder.service("api")
    assert (
        "    networkMode: awsvpc\n    requiresCompatibilities: [FARGATE]\n"
        in _imported(builder).files["services/api.yaml"]
    )


def test_numbers_have_no_quotes_and_text_that_looks_like_one_does(builder: AccountBuilder) -> None:
    """AWS types both as text: a member that AWS names is written as a number, other text keeps its quotes."""
    environment = [{"name": "PORT", "value": "8080"}, {"name": "MODE", "value": "0755"}]
    builder.service(
        "api", taskDefinition=builder.task("api", container={"environment": environment, "command": ["80"]})
    )
    imported = _imported(builder)
    text = imported.files["services/api.yaml"]
    assert "    cpu: 256\n    memory: 512\n" in text
    assert "          MODE: '0755'\n          PORT: '8080'\n" in text
    assert "        command:\n          - '80'\n" in text
    assert changes(imported.plan()) == []


def test_a_file_begins_with_its_origin_and_its_service(builder: AccountBuilder) -> None:
    """The resources of the service follow, read-only ones last; a comment explains the annotations."""
    logs = builder.log_group("/ecs/api")
    builder.service(
        "api", taskDefinition=builder.task("api", container=logs, executionRoleArn=builder.role("execution"))
    )
    lines = _imported(builder).files["services/api.yaml"].splitlines()
    assert lines[:2] == [
        "# A service of cluster prod in eu-west-1 and the resources that only it uses.",
        "# Not adopted until you run `ecsync adopt`. Undeclared fields are enforced at AWS's default.",
    ]
    heads = [line.strip() for line in lines if line.startswith("  ") and "/" in line and not line.startswith("   ")]
    assert heads == ["Service/api:", "TaskDefinition/api:", "LogGroup/ecs-api:", "Role/execution: {}"]


def test_a_service_outside_its_scaling_bounds_is_reported(builder: AccountBuilder) -> None:
    """It was stopped manually, and enforcing the bounds would start it again."""
    builder.service("api", desiredCount=2)
    builder.make_scalable("api", 1, 4)
    builder.account.simulator.advance(300)
    builder.update("api", desiredCount=0)
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    assert "Service/api would change on the next apply: desiredCount: 0 → 1 [drift]" in generated.notes
    assert ImportedApplication(builder.account, dict(generated.files)).plan().empty


class _RevisionsWithMonitoring:
    """A reader that adds monitoring to service revisions, the only place where AWS returns it."""

    def __init__(self, reader: Any, monitoring: Mapping[str, Any]) -> None:
        self._reader = reader
        self._monitoring = monitoring

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._reader.call(service, operation, **params)
        if operation != "DescribeServiceRevisions":
            return answer
        revisions = [{**one, "monitoring": self._monitoring} for one in answer["serviceRevisions"]]
        return {**answer, "serviceRevisions": revisions}

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._reader.cached(service, operation, **params)
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        yield from self._reader.pages(service, operation, result, **params)


def test_members_that_only_service_revisions_return_are_written(builder: AccountBuilder) -> None:
    """DescribeServices returns neither monitoring nor gateway connectors."""
    builder.service("api")
    builder.account.simulator.advance(300)
    reader = _RevisionsWithMonitoring(
        builder.account.cloud(),
        {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]},
    )
    assert "    monitoring:\n" in builder.account.import_cluster(reader).files["services/api.yaml"]
