"""TaskDefinition: revisions are found by their content, and each change of content registers a new one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from moto import mock_aws

from ecsync.core.marks import ID, OWNER
from ecsync.core.model import Absent, Create, Delete, Key, Marks, Present, Replace, Unreadable, Update
from ecsync.core.ports import AwsError
from ecsync.core.redact import Redacted
from ecsync.core.trees import Body
from ecsync.kinds.ecs._revision_read import present_of
from ecsync.kinds.ecs.task_definition import KIND
from tests.kinds.ecs import answers
from tests.kinds.ecs.answers import Reader
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Case,
    Moto,
    cases,
    converges,
    denied,
    desired,
    key,
    missing,
    observe,
    plan_of,
    update,
    wanted,
)

CASES = cases("taskDefinition")
# Cases that AWS does not document. Here they register no revision: an init process that is off is no init process
# (Docker's default), and a restart policy without a period has 300 seconds.
UNCERTAIN = {"der-cd-init-false", "der-cd-restart-defaults"}
UNSEEN = {
    "taskDefinitionArn",
    "revision",
    "status",
    "compatibilities.[]",
    "requiresAttributes.[].name",
    "registeredAt",
    "registeredBy",
}
BODY: dict[str, Any] = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64}]}
MINE = [{"key": OWNER, "value": "v1/prod/shop/TaskDefinition/web"}, {"key": ID, "value": "1234"}]


def live_of(live: Mapping[str, Any], declared: Mapping[str, Any], _: Case) -> Present:
    known = {"taskDefinitionArn": revision(1), "revision": 1, "family": live.get("family"), **live}
    return present_of(known, live.get("tags"), declared)


def revision(number: int, family: str = "web") -> str:
    return answers.arn(f"task-definition/{family}:{number}")


def image(name: str) -> dict[str, Any]:
    return {"family": "web", "containerDefinitions": [{"name": "web", "image": name, "memory": 64}]}


class Revisions(Reader):
    """A family: number to (image, tags); the numbers in `inactive` are deregistered."""

    def __init__(self, of: Mapping[int, tuple[str, Sequence[Mapping[str, str]]]], inactive: Sequence[int] = ()) -> None:
        self.of, self.inactive = of, inactive
        super().__init__(
            ecs_ListTaskDefinitions=self._list,
            ecs_DescribeTaskDefinition=self._describe,
            ecs_ListTagsForResource=self._tags,
        )

    def _list(self, **params: Any) -> Body:
        assert params == {"familyPrefix": "web", "status": "ACTIVE", "sort": "DESC", "maxResults": 10}
        active = [revision(number) for number in sorted(self.of, reverse=True) if number not in self.inactive]
        return {"taskDefinitionArns": [revision(9, "webhook"), *active]}

    def _describe(self, **params: Any) -> Any:
        number = int(params["taskDefinition"].rsplit(":")[-1])
        if number not in self.of:
            return missing("ClientException")
        what, tags = self.of[number]
        status = "INACTIVE" if number in self.inactive else "ACTIVE"
        described = {**image(what), "revision": number, "taskDefinitionArn": revision(number), "status": status}
        return {"taskDefinition": described, "tags": tags}

    def _tags(self, *, resourceArn: str) -> Body:  # noqa: N803 - AWS's spelling
        return {"tags": self.of[int(resourceArn.rsplit(":")[-1])][1]}

    @property
    def described(self) -> list[int]:
        """The revisions with a describe call; what was read for their content has their state too."""
        return [int(p["taskDefinition"].rsplit(":")[-1]) for name, p in self.asked if "Describe" in name]

    def call(self, service: str, operation: str, /, **params: Any) -> Any:
        """Answer a call; one that repeats the read of a content is not asked again."""
        repeated = (f"{service}.{operation}", params) in self.asked
        found = super().call(service, operation, **params)
        if repeated:
            self.asked.pop()
        return found


def _number(arn: str) -> int:
    return int(arn.rsplit(":")[-1])


def running(*numbers: int) -> dict[Key, Present]:
    bodies = [{"taskDefinition": revision(number)} for number in numbers]
    return {
        Key(application="shop", kind="Service", name=f"s{index}"): Present(body=body, outputs={})
        for index, body in enumerate(bodies)
    }


def live(reader: Reader, body: Mapping[str, Any], world: Mapping[Key, Present] | None = None, known: str = "") -> Any:
    ((_, found),) = KIND.read(reader, [replace(wanted(KIND, body), revision=known)], world or {})
    return found


# ---------------------------------------------------------------- equivalence


@pytest.mark.skipif("ECSYNC_CASES" not in os.environ, reason="ECSYNC_CASES is not set")
def test_the_whole_collection_is_run_if_it_is_configured() -> None:
    assert {"captured", "documented"} <= {case["confidence"] for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] not in UNCERTAIN], ids=lambda case: case["id"])
def test_a_case_differs_if_and_only_if_aws_treats_it_differently(case: Case) -> None:
    assert answers.equivalent(KIND, live_of, case) == case["equivalent"], case["note"]


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] in UNCERTAIN], ids=lambda case: case["id"])
def test_an_undocumented_default_registers_no_revision(case: Case) -> None:
    assert answers.equivalent(KIND, live_of, case)


@pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
def test_only_values_of_aws_are_not_compared(case: Case) -> None:
    assert answers.unseen(KIND, live_of, case) <= UNSEEN


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_normalising_twice_changes_nothing(case: Case) -> None:
    assert answers.settled(KIND, live_of, case)


@pytest.mark.parametrize(
    ("declared", "same"),
    [
        ("/service/web", True),
        ("service/web", True),
        ("web", False),
        ("arn:aws:iam::111111111111:role/service/web", True),
        ("arn:aws:iam::222222222222:role/service/web", False),
        ("arn:aws-cn:iam::111111111111:role/service/web", False),
    ],
)
@pytest.mark.parametrize("member", ["taskRoleArn", "executionRoleArn"])
def test_a_role_is_the_same_by_name_and_by_arn_but_not_in_another_account(
    member: str, declared: str, *, same: bool
) -> None:
    """A name contains no account; an ARN does."""
    body = {**BODY, member: declared}
    observed = live_of({**BODY, member: "arn:aws:iam::111111111111:role/service/web"}, body, {})
    assert bool(update(KIND, body, observed).fields) is not same


def test_the_default_network_mode_of_fargate_is_awsvpc() -> None:
    body = {**BODY, "requiresCompatibilities": ["FARGATE"]}
    assert update(KIND, body, live_of({**body, "networkMode": "awsvpc"}, body, {})).fields == ()


def test_the_network_mode_of_windows_is_left_alone() -> None:
    body = {**BODY, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
    assert update(KIND, body, live_of({**body, "networkMode": "default"}, body, {})).fields == ()
    assert update(KIND, {**body, "networkMode": "awsvpc"}, live_of(body, body, {})).fields


@pytest.mark.parametrize(
    ("declared", "live", "differs"),
    [
        ("default", "default", False),
        ("default", None, False),  # AWS may leave it out; it returns bridge for bridge
        ("default", "bridge", True),
        ("default", "awsvpc", True),
        ("bridge", "default", True),
        (None, "default", True),
        ("awsvpc", "default", True),
    ],
)
def test_network_mode_default_differs_from_every_other_mode(
    declared: str | None, live: str | None, differs: bool
) -> None:
    body = {**BODY, **({"networkMode": declared} if declared else {})}
    printed = {**BODY, **({"networkMode": live} if live else {})}
    observed = live_of(printed, body, {})
    assert [one.path for one in update(KIND, body, observed).fields] == [("networkMode",)] * differs


def test_network_mode_default_of_windows_is_left_alone_until_it_is_declared() -> None:
    windows = {**BODY, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
    declared = {**windows, "networkMode": "default"}
    for printed in (windows, declared):
        assert update(KIND, windows, live_of(printed, windows, {})).fields == ()
        assert update(KIND, declared, live_of(printed, declared, {})).fields == ()
    assert update(KIND, declared, live_of({**windows, "networkMode": "awsvpc"}, declared, {})).fields


def test_secret_values_are_redacted() -> None:
    container: dict[str, Any] = {
        "name": "web",
        "image": "web:1",
        "environment": [{"name": "TOKEN", "value": "s3cret"}],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "s3cret", "splunk-url": "u"}},
    }
    body = {"family": "web", "containerDefinitions": [container]}
    fields = update(KIND, body, live_of(BODY, body, {})).fields
    assert "s3cret" not in str(fields)
    other = {**container, "environment": [{"name": "TOKEN", "value": "0ther"}]}
    (field,) = update(KIND, body, live_of({"family": "web", "containerDefinitions": [other]}, body, {})).fields
    assert field.path == ("containerDefinitions", "web", "environment", "TOKEN")
    assert isinstance(field.before, Redacted)
    assert isinstance(field.after, Redacted)


def test_a_host_port_must_be_the_container_port_in_awsvpc() -> None:
    body = {
        "networkMode": "awsvpc",
        "containerDefinitions": [{"portMappings": [{"containerPort": 80, "hostPort": 81}]}],
    }
    ((path, message),) = KIND.check(body)
    assert path == ("containerDefinitions", 0, "portMappings", 0, "hostPort")
    assert "left out" in message
    assert not list(KIND.check({**body, "networkMode": "bridge"}))


# ---------------------------------------------------------------- read


def test_a_running_revision_with_the_content_takes_one_describe_call() -> None:
    reader = Revisions({7: ("web:1", MINE), 8: ("web:1", ())})
    assert live(reader, BODY, running(7)).outputs["revision"] == "7"
    assert [name for name, _ in reader.asked] == ["ecs.DescribeTaskDefinition"]


def test_a_revision_that_was_deregistered_since_it_was_read_is_not_live() -> None:
    """Its content is kept for ever, its state is not."""
    reader = Revisions({7: ("web:1", MINE), 6: ("web:1", ())})
    kept = live(reader, BODY, running(7), revision(7))
    before = {one: reader.call("ecs", "DescribeTaskDefinition", taskDefinition=revision(one)) for one in (6, 7)}
    cached = mock.patch.object(reader, "cached", lambda *_, **asked: before[_number(asked["taskDefinition"])])
    reader.inactive = [7]
    with cached:
        found = live(reader, BODY, running(7), revision(7))
    assert (kept.outputs["revision"], found.outputs["revision"]) == ("7", "6")


def test_the_newest_revision_with_the_content_is_live_even_if_another_one_is_newer() -> None:
    reader = Revisions({1: ("web:1", ()), 2: ("web:1", MINE), 3: ("web:2", ())})
    assert live(reader, BODY).outputs == {"arn": revision(2), "family": "web", "revision": "2"}


def test_at_most_the_ten_newest_revisions_are_described() -> None:
    reader = Revisions(dict.fromkeys(range(1, 20), ("web:9", ())))
    assert live(reader, BODY, running(1, 19)).outputs["revision"] == "19"
    assert reader.described == [1, 19, *range(18, 9, -1)]


def test_the_newest_running_revision_with_the_content_is_live_in_any_order() -> None:
    reader = Revisions({3: ("web:1", ()), 7: ("web:1", ()), 8: ("web:2", ())})
    assert [live(reader, BODY, running(*some)).outputs["revision"] for some in ((3, 8, 7), (7, 3), (8, 3, 7))] == [
        "7",
        "7",
        "7",
    ]


@pytest.mark.parametrize("known", [3, 7, 9])
def test_a_revision_that_an_earlier_read_found_is_only_a_hint(known: int) -> None:
    """Another revision can run by now, and the known one can be deregistered."""
    reader = Revisions({3: ("web:1", ()), 7: ("web:1", MINE), 8: ("web:2", ()), 9: ("web:1", ())}, inactive=[9])
    for numbers in ((7,), (8,), (3, 7), (8, 7), ()):
        found = live(reader, BODY, running(*numbers), revision(known))
        assert found == live(reader, BODY, running(*numbers)), numbers
        assert found.revision == found.outputs["arn"]


def test_an_unreadable_service_causes_no_listing_of_a_family_that_was_read_before() -> None:
    """It may run any revision; nothing is written while it is unreadable."""
    reader = Revisions({7: ("web:1", MINE), 8: ("web:2", ())})
    world: Any = {Key(application="shop", kind="Service", name="s"): Unreadable("throttled")}
    assert live(reader, BODY, world, revision(7)).outputs["revision"] == "7"
    assert [name for name, _ in reader.asked] == ["ecs.DescribeTaskDefinition"]


def test_a_revision_without_the_content_is_not_a_known_one() -> None:
    """The next read compares it again."""
    assert live(Revisions({7: ("web:2", MINE)}), BODY, running(7)).revision == ""


def test_without_the_content_our_newest_revision_is_live() -> None:
    found = live(Revisions({1: ("web:1", MINE), 2: ("web:2", ())}), image("web:3"))
    assert (found.outputs["revision"], found.marks and found.marks.id) == ("1", "1234")
    found = live(Revisions({1: ("web:1", ()), 2: ("web:2", ())}), image("web:3"))
    assert (found.outputs["revision"], found.marks) == ("2", None)


def test_an_unresolved_body_matches_no_revision() -> None:
    reader = Revisions({1: ("web:1", MINE)})
    body = {**BODY, "taskRoleArn": answers.ref("Role", "web", "arn")}
    assert live(reader, body).outputs["revision"] == "1"
    assert update(KIND, body, live(reader, body)).fields


def test_deregistered_revisions_and_other_families_are_absent() -> None:
    assert live(Revisions({1: ("web:1", MINE)}, inactive=[1]), BODY, running(1)) == Absent()
    assert live(Revisions({}), BODY, running(4)) == Absent()


def test_a_failed_read_is_not_absent() -> None:
    with pytest.raises(AwsError):
        live(Reader(ecs_ListTaskDefinitions=denied()), BODY)


def test_tags_are_read_now_even_if_the_content_is_cached() -> None:
    class Stale(Revisions):
        def cached(self, service: str, operation: str, /, **params: Any) -> Body:
            return {**self.call(service, operation, **params), "tags": []}

    found = live(Stale({1: ("web:1", [*MINE, {"key": "team", "value": "a"}])}), BODY)
    assert found.body["tags"] == {"team": "a"}
    assert found.marks.owner == MINE[0]["value"]


def test_one_revision_of_each_of_our_families_is_owned() -> None:
    reader = Revisions({1: ("web:1", MINE), 2: ("web:2", MINE), 3: ("web:3", ())})
    mappings = [{"ResourceARN": revision(1)}, {"ResourceARN": revision(2)}]
    reader.answers["resourcegroupstaggingapi.GetResources"] = {"ResourceTagMappingList": mappings}
    assert KIND.owned is not None
    (owned,) = KIND.owned(reader, "prod")
    assert (owned.natural, owned.present.outputs["revision"]) == ("web", "2")


# ---------------------------------------------------------------- calls


def test_a_create_registers_the_body_with_our_marks_and_captures_the_outputs() -> None:
    assert KIND.calls is not None
    body = {**BODY, "taskRoleArn": None, "tags": {"team": "a"}}
    (call,) = KIND.calls(Create(desired=desired(KIND, body), marks={OWNER: "o"}))
    assert call.name == "ecs.RegisterTaskDefinition"
    assert call.params == {**BODY, "tags": [{"key": "team", "value": "a"}, {"key": OWNER, "value": "o"}]}
    assert call.captures["arn"] == ("taskDefinition", "taskDefinitionArn")
    assert set(call.captures) == KIND.outputs.keys() - KIND.derived.keys() - KIND.asked.keys()
    assert refused([call]) == []


def test_no_empty_list_of_tags_is_registered() -> None:
    assert KIND.calls is not None
    (call,) = KIND.calls(Create(desired=desired(KIND, {**BODY, "tags": []}), marks={}))
    assert "tags" not in call.params


def test_a_change_registers_the_whole_body_once_with_the_marks() -> None:
    assert KIND.calls is not None
    change = update(KIND, image("web:2"), live_of({**BODY, "tags": MINE}, BODY, {}))
    (call,) = KIND.calls(change)
    assert call.params == {**image("web:2"), "tags": [*MINE]}
    (call,) = KIND.calls(replace(change, marks={ID: "5678"}))
    assert call.params["tags"] == [MINE[0], {"key": ID, "value": "5678"}]


def test_values_that_are_left_alone_are_in_the_next_revision() -> None:
    assert KIND.calls is not None
    container = {"name": "web", "image": "web:1", "memory": 64, "user": "www", "links": []}
    observed = live_of(
        {"family": "web", "pidMode": "task", "volumes": [], "containerDefinitions": [container]}, BODY, {}
    )
    change = update(KIND, image("web:2"), observed)
    (call,) = KIND.calls(change)
    assert call.params == image("web:2")
    ignoring = replace(change, desired=desired(KIND, image("web:2"), undeclared="ignore"))
    (call,) = KIND.calls(ignoring)
    assert call.params["pidMode"] == "task"
    assert call.params["containerDefinitions"] == [{**container, "image": "web:2"}]


def test_tags_alone_register_nothing() -> None:
    assert KIND.calls is not None
    observed = live_of({**BODY, "tags": MINE}, BODY, {})
    assert KIND.calls(Update(desired=desired(KIND, BODY), observed=observed, fields=())) == ()
    marked = replace(observed, marks=Marks(owner="v1/prod/shop/TaskDefinition/web", id=""))
    (step,) = plan_of(KIND, desired(KIND, {**BODY, "tags": [{"key": "team", "value": "a"}]}), marked).steps
    assert [call.operation for call in step.calls] == ["TagResource"]
    assert step.calls[0].params["resourceArn"] == revision(1)


def test_a_change_of_content_is_a_revise() -> None:
    marked = replace(live_of(BODY, BODY, {}), marks=Marks(owner="v1/prod/shop/TaskDefinition/web", id=""))
    (step,) = plan_of(KIND, desired(KIND, image("web:2")), marked).steps
    assert {one.effect for one in step.fields} == {"revise"}
    assert [call.operation for call in step.calls] == ["RegisterTaskDefinition"]


def test_a_delete_deregisters_the_revision() -> None:
    assert KIND.calls is not None
    (call,) = KIND.calls(Delete(key=key(KIND), observed=live_of(BODY, BODY, {})))
    assert (call.operation, call.params) == ("DeregisterTaskDefinition", {"taskDefinition": revision(1)})
    observed = live_of(BODY, BODY, {})
    (call,) = KIND.calls(Replace(desired=desired(KIND, BODY), observed=observed, fields=(), marks={}))
    assert call.operation == "RegisterTaskDefinition"


@mock_aws
def test_it_converges_on_moto_and_an_image_change_is_one_call() -> None:
    cloud = Moto()
    assert converges(KIND, cloud, BODY) == ["ecs.RegisterTaskDefinition"]
    assert converges(KIND, cloud, image("web:2")) == ["ecs.RegisterTaskDefinition"]
    assert converges(KIND, cloud, BODY) == [], "the first revision still has this content"
    found = observe(KIND, cloud, BODY)
    assert isinstance(found, Present)
    assert found.outputs["revision"] == "1"
