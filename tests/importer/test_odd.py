"""Clusters as people leave them: names, revisions, texts and addresses that a tidy mind would not think of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ecsync.core.ports import AwsError
from ecsync.importer.snapshot_reader import SnapshotReader
from tests.importer.builder import Builder, forward
from tests.importer.recipes import served
from tests.importer.reluctant import Reluctant
from tests.importer.stage import Kept, changes

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/{}"
LONG = "s" * 254


def _kept(built: Builder) -> Kept:
    built.stage.simulator.advance(300)
    return Kept(built.stage, dict(built.stage.imported().files))


def test_an_empty_cluster_is_a_document(built: Builder) -> None:
    """There is nothing to say but the cluster itself."""
    kept = _kept(built)
    assert sorted(kept.files) == ["application.yaml", "cluster.yaml"]
    assert [str(one.key) for one in kept.application().resources] == ["Cluster/prod"]
    assert changes(kept.plan()) == []


def test_services_whose_names_are_alike_have_documents_and_files_of_their_own(built: Builder) -> None:
    """Also on a disk that does not tell capitals from small letters, and beyond what a name may be."""
    names = ("Web", "web", "WEB", "_x", "-x", "x", "a_b", "a-b", "api", "application", LONG + "a", LONG + "A")
    for name in names:
        built.service(name, taskDefinition=built.task("app"))
    kept = _kept(built)
    services = [one for one in kept.application().resources if one.key.kind == "Service"]
    assert {one.body["serviceName"] for one in services} == set(names)
    assert len({one.key.name.lower() for one in services}) == len(names)
    files = [name.lower() for name in kept.files]
    assert (len(set(files)), sum(name.startswith("services/") for name in files)) == (len(files), len(names))
    assert changes(kept.plan()) == []


def test_revisions_of_the_same_content_stay_where_they_run(built: Builder) -> None:
    """Only what runs the newest refers to it; in whatever order files are read, nothing is to be deployed."""
    for name in ("z", "a", "m"):
        built.service(name, taskDefinition=built.task("app"))
    kept = _kept(built)
    assert [name for name, text in kept.files.items() if "${TaskDefinition/app}" in text] == ["services/m.yaml"]
    assert changes(kept.plan()) == []
    kept.files["0.yaml"] = kept.files.pop("services/z.yaml")
    assert changes(kept.plan()) == []


@pytest.mark.parametrize("deleted", [False, True])
def test_the_newest_revision_that_is_still_registered_is_written(built: Builder, deleted: bool) -> None:
    """One that was deregistered, or deleted, cannot be registered again as it is: it is named."""
    old, new = built.task("app"), built.task("app", container={"image": "nginx:2"})
    built.service("old", taskDefinition=old)
    built.service("new", taskDefinition=new)
    built.stage.simulator.advance(300)
    built.ecs.deregister_task_definition(taskDefinition=new)
    if deleted:
        built.ecs.delete_task_definitions(taskDefinitions=[new])
    kept = _kept(built)
    assert "taskDefinition: ${TaskDefinition/app}" in kept.files["services/old.yaml"]
    assert f"taskDefinition: {new}" in kept.files["services/new.yaml"]
    assert changes(kept.plan()) == []


def test_a_revision_that_aws_forgot_is_named(built: Builder) -> None:
    """AWS may not describe any more what a service still runs."""
    built.service("api")
    built.stage.simulator.advance(300)
    reader = Reluctant(built.stage.cloud(), lambda *at: "missing" if at[1] == "DescribeTaskDefinition" else "")
    drawn = built.stage.imported(reader)
    assert "task-definition/api:1" in drawn.files["services/api.yaml"]
    assert ([key for key in drawn.documents if key.kind == "TaskDefinition"], drawn.complete) == ([], True)


def test_what_no_manifest_can_say_is_left_out(built: Builder) -> None:
    """A key cannot be a reference, so this definition is named; the application is valid all the same."""
    task = built.task("api", container={"dockerLabels": {"${Cluster/prod}": "x"}})
    built.service("api", taskDefinition=task)
    built.service("web")
    built.stage.simulator.advance(300)
    drawn = built.stage.imported()
    kept = Kept(built.stage, dict(drawn.files))
    assert f"taskDefinition: {task}" in kept.files["services/api.yaml"]
    assert [gap.what for gap in drawn.gaps] == ["TaskDefinition/api"]
    assert "a key cannot contain a reference" in drawn.gaps[0].why
    assert not drawn.complete
    assert changes(kept.plan()) == []


@pytest.mark.parametrize("text", ["\n", "a\n\n", "a\n\n\n", "a\n", "a", "\n\na", " a\n", "a\n \n"])
def test_lines_at_the_end_of_a_document_stay_as_many(built: Builder, text: str) -> None:
    """What stands between documents is none of a text's own lines."""
    for name in ("a", "b"):
        task = built.task(
            name,
            container={"name": "app", "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": text}}},
        )
        built.service(name, taskDefinition=task)
    kept = _kept(built)
    tasks = [one for one in kept.application().resources if one.key.kind == "TaskDefinition"]
    assert [one.body["containerDefinitions"][0]["logConfiguration"]["options"] for one in tasks] == [
        {"splunk-url": text}
    ] * 2


def test_a_mark_that_was_copied_is_not_ours(built: Builder) -> None:
    """Whoever made a service from another's description has our tags on it, and we keep our hands off."""
    tags = [{"key": "ecsync:owner", "value": "v1/test/prod/Service/api"}, {"key": "ecsync:id", "value": "0" * 12}]
    for name in ("one", "two"):
        built.service(name, tags=tags)
    kept = _kept(built)
    managed = {str(one.key): one.options.manage for one in kept.application().resources if one.key.kind == "Service"}
    assert managed == {"Service/one": False, "Service/two": False}
    assert "# Its ecsync:owner tag was copied from another resource.\n" in kept.files["services/one.yaml"]
    assert changes(kept.plan()) == []


def test_what_codedeploy_moves_is_only_looked_up(built: Builder) -> None:
    """It swaps the target groups behind the rule and the listener; the service says which it began with."""
    behind = built.behind("api")
    group = built.group("web")
    built.listener("web", 8080, DefaultActions=[forward(group)])
    built.service("api", loadBalancers=[behind], deploymentController={"type": "CODE_DEPLOY"})
    built.service("web", loadBalancers=[served(group)], deploymentController={"type": "CODE_DEPLOY"})
    kept = _kept(built)
    managed = {str(one.key): one.options.manage for one in kept.application().resources if one.key.kind != "Network"}
    assert [name for name, ours in managed.items() if not ours] == ["Listener/web-8080", "ListenerRule/api-1"]
    assert "- targetGroupArn: ${TargetGroup/api}" in kept.files["services/api.yaml"]
    assert changes(kept.plan()) == []


@pytest.mark.parametrize("own", ["AllocationId", "PrivateIPv4Address"])
def test_a_load_balancer_keeps_the_addresses_that_it_was_given(built: Builder, own: str) -> None:
    """Its subnets are written as mappings, as plain ones would say that AWS chooses the addresses."""
    elastic = built.stage.aws("ec2").allocate_address(Domain="vpc")["AllocationId"]
    address, scheme = (elastic, "internet-facing") if own == "AllocationId" else ("172.31.0.9", "internal")
    mapping = {"SubnetId": built.subnets[0], own: address}
    made = built.elb.create_load_balancer(Name="net", Type="network", Scheme=scheme, SubnetMappings=[mapping])
    built.arns["net"] = made["LoadBalancers"][0]["LoadBalancerArn"]
    group = built.group("dns", Protocol="TCP", Port=53)
    built.listener("net", 53, Protocol="TCP", DefaultActions=[forward(group)])
    built.service("dns", loadBalancers=[served(group)])
    kept = _kept(built)
    (balancer,) = (one for one in kept.application().resources if one.key.kind == "LoadBalancer")
    assert (balancer.body["SubnetMappings"], balancer.body.get("Subnets")) == ([mapping], None)
    assert changes(kept.plan()) == []


def test_a_switch_that_is_not_as_aws_has_it_is_written(built: Builder) -> None:
    """On is not the default of every switch, and off not of every other."""
    group = built.group("dns", Protocol="TCP", Port=53)
    attributes = [{"Key": "preserve_client_ip.enabled", "Value": "true"}]
    built.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    built.balancer("net", Type="network")
    built.listener("net", 53, Protocol="TCP", DefaultActions=[forward(group)])
    built.service("dns", loadBalancers=[served(group)])
    text = _kept(built).files["services/dns.yaml"]
    assert "    Attributes:\n      preserve_client_ip.enabled: true\n" in text


def test_what_fargate_wants_to_be_told_is_written(built: Builder) -> None:
    """AWS refuses a revision for Fargate without its network, so whoever edits the file needs it."""
    built.service("api")
    assert (
        "    networkMode: awsvpc\n    requiresCompatibilities: [FARGATE]\n" in _kept(built).files["services/api.yaml"]
    )


def test_numbers_have_no_quotes_and_texts_that_look_like_them_do(built: Builder) -> None:
    """AWS wants text for both; what nobody takes for a number is one where AWS names the member."""
    environment = [{"name": "PORT", "value": "8080"}, {"name": "MODE", "value": "0755"}]
    built.service("api", taskDefinition=built.task("api", container={"environment": environment, "command": ["80"]}))
    kept = _kept(built)
    text = kept.files["services/api.yaml"]
    assert "    cpu: 256\n    memory: 512\n" in text
    assert "          MODE: '0755'\n          PORT: '8080'\n" in text
    assert "        command:\n          - '80'\n" in text
    assert changes(kept.plan()) == []


def test_a_file_says_where_it_is_from_and_its_service_comes_first(built: Builder) -> None:
    """What the service uses follows, what is only looked up last, and the annotations are explained."""
    logs = built.group_of_logs("/ecs/api")
    built.service("api", taskDefinition=built.task("api", container=logs, executionRoleArn=built.role("execution")))
    lines = _kept(built).files["services/api.yaml"].splitlines()
    assert lines[:2] == [
        "# A service of cluster prod in eu-west-1, and what only it uses.",
        "# Left alone until `ecsync adopt`. What is not written is AWS's default, and held to it.",
    ]
    heads = [line.strip() for line in lines if line.startswith("  ") and "/" in line and not line.startswith("   ")]
    assert heads == ["Service/api:", "TaskDefinition/api:", "LogGroup/ecs-api:", "Role/execution: {}"]


def test_a_service_that_runs_outside_its_bounds_is_said(built: Builder) -> None:
    """Somebody stopped it, and to enforce its scaling would start it again."""
    built.service("api", desiredCount=2)
    built.scaled("api", 1, 4)
    built.stage.simulator.advance(300)
    built.update("api", desiredCount=0)
    built.stage.simulator.advance(300)
    drawn = built.stage.imported()
    assert "Service/api would differ from what is live: desiredCount 0 → 1" in drawn.notes
    assert Kept(built.stage, dict(drawn.files)).plan().empty


class _Monitored:
    """AWS as it prints the newest members of services: with their revisions alone."""

    def __init__(self, reader: Any, monitoring: Mapping[str, Any]) -> None:
        self._reader = reader
        self._monitoring = monitoring

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._reader.call(service, operation, **params)
        if operation != "DescribeServiceRevisions":
            return answer
        told = [{**one, "monitoring": self._monitoring} for one in answer["serviceRevisions"]]
        return {**answer, "serviceRevisions": told}

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._reader.cached(service, operation, **params)
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        yield from self._reader.pages(service, operation, result, **params)


def test_what_only_revisions_tell_of_a_service_is_written(built: Builder) -> None:
    """DescribeServices prints neither monitoring nor gateway connectors."""
    built.service("api")
    built.stage.simulator.advance(300)
    reader = _Monitored(
        built.stage.cloud(), {"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}
    )
    assert "    monitoring:\n" in built.stage.imported(reader).files["services/api.yaml"]


# ---------------------------------------------------------------- log groups


class _Groups:
    """CloudWatch Logs with some groups; `asked` are the prefixes that it was asked for."""

    def __init__(self, names: list[str], refused: str = "") -> None:
        self.names = sorted(names)
        self.refused = refused
        self.asked: list[str] = []

    def call(self, *_: str, **__: Any) -> Mapping[str, Any]:
        raise AssertionError("log groups are only listed")

    cached = call

    def pages(self, *_: str, **params: Any) -> Iterator[Any]:
        prefix = params["logGroupNamePrefix"]
        self.asked.append(prefix)
        if prefix == self.refused:
            raise AwsError("denied", "AccessDenied", "no", "logs.DescribeLogGroups")
        yield from ({"logGroupName": name} for name in self.names if name.startswith(prefix))


def _looked_for(groups: _Groups, names: list[str]) -> list[str]:
    reader = SnapshotReader(groups)
    reader.expect_log_groups(names)
    ask = ("logs", "DescribeLogGroups", "logGroups")
    return [one["logGroupName"] for name in names for one in reader.pages(*ask, logGroupNamePrefix=name)]


def test_log_groups_of_a_folder_are_listed_at_once_and_one_that_is_missing_is_no_failure() -> None:
    """AWS has no call for several names, and would fail at a single one that is not there."""
    groups = _Groups(["/ecs/api", "/ecs/web", "/ecs/web-old", "alone"])
    assert _looked_for(groups, ["/ecs/api", "/ecs/gone", "/ecs/web", "alone"]) == ["/ecs/api", "/ecs/web", "alone"]
    assert groups.asked == ["/ecs/", "alone"]


def test_a_folder_with_many_others_in_it_is_not_listed_to_its_end() -> None:
    """Then each is looked for by its name, as long as it was not among the first."""
    others = [f"/ecs/n{number:04}" for number in range(5000)]
    groups = _Groups([*others, "/ecs/a", "/ecs/z"])
    assert _looked_for(groups, ["/ecs/a", "/ecs/z"]) == ["/ecs/a", "/ecs/z"]
    assert groups.asked == ["/ecs/", "/ecs/z"]


def test_what_is_denied_for_a_folder_may_be_allowed_for_a_name() -> None:
    """A policy names log groups by what their names begin with."""
    groups = _Groups(["/ecs/a", "/ecs/b"], refused="/ecs/")
    assert _looked_for(groups, ["/ecs/a", "/ecs/b"]) == ["/ecs/a", "/ecs/b"]
    assert groups.asked == ["/ecs/", "/ecs/a", "/ecs/b"]
