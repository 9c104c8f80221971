"""Cluster: settings with account defaults, and providers that a second step associates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from moto import mock_aws

from ecsync.core.kind import Proceed, Wait
from ecsync.core.marks import OWNER
from ecsync.core.model import Absent, Create, Delete, Present, Replace, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body
from ecsync.kinds.ecs.cluster import KIND, present_of
from tests.kinds.ecs import answers
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import (
    Answers,
    Case,
    Moto,
    cases,
    compiled,
    converges,
    denied,
    desired,
    key,
    observe,
    plan_of,
    update,
    wanted,
)

ARN = answers.arn("cluster/web")
LIVE: dict[str, Any] = {"clusterName": "web", "clusterArn": ARN, "status": "ACTIVE"}
STRATEGY = [{"capacityProvider": "mine", "weight": 1}]
# The second set has associations alone; they are members of a cluster here.
CASES = [*cases("cluster"), *cases("clusterCapacityProviders")]
UNSEEN = {"clusterArn", "status", "settings.[].name", "settings.[].value", "tags.[].key", "tags.[].value"}


def live_of(live: Mapping[str, Any], _: Mapping[str, Any], __: Case) -> Present:
    return present_of({"clusterName": live.get("cluster"), "clusterArn": ARN, **live})


def named(case: Case) -> Case:
    body = dict(case["desired"])
    return {**case, "desired": {"clusterName": body.pop("cluster", None) or body["clusterName"], **body}}


# ---------------------------------------------------------------- equivalence


@pytest.mark.skipif("ECSYNC_CASES" not in os.environ, reason="ECSYNC_CASES is not set")
def test_the_whole_collection_is_run_if_it_is_configured() -> None:
    assert {"captured", "documented"} <= {case["confidence"] for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_case_differs_if_and_only_if_aws_treats_it_differently(case: Case) -> None:
    assert answers.equivalent(KIND, live_of, named(case)) == case["equivalent"], case["note"]


@pytest.mark.parametrize("case", [case for case in CASES if case["equivalent"]], ids=lambda case: case["id"])
def test_only_values_of_aws_are_not_compared(case: Case) -> None:
    assert answers.unseen(KIND, live_of, named(case)) <= UNSEEN


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_normalising_twice_changes_nothing(case: Case) -> None:
    assert answers.settled(KIND, live_of, named(case))


def test_an_undeclared_setting_is_left_alone() -> None:
    live = present_of({**LIVE, "settings": [{"name": "containerInsights", "value": "enhanced"}]})
    assert update(KIND, {"clusterName": "web"}, live).fields == ()
    changed = update(
        KIND, {"clusterName": "web", "settings": [{"name": "containerInsights", "value": "enabled"}]}, live
    )
    assert [one.path for one in changed.fields] == [("settings", "containerInsights")]


def applied_with(body: Body, live: Body) -> Body:
    """Return a described cluster with the mark of a document."""
    marked = plan_of(KIND, desired(KIND, body), Absent()).steps[0].change
    assert isinstance(marked, Create)
    return {**LIVE, **live, "tags": [{"key": name, "value": value} for name, value in marked.marks.items()]}


@pytest.mark.parametrize("default", ["disabled", "enhanced"])
def test_settings_that_left_the_document_go_back_to_those_of_a_new_cluster(default: str) -> None:
    """A setting that the account does not have stays."""
    settings = [{"name": "containerInsights", "value": "enabled"}, {"name": "later", "value": "x"}]
    live = applied_with({"clusterName": "web", "settings": settings}, {"settings": settings})
    reader = Answers(
        ecs_DescribeClusters={"clusters": [live]},
        ecs_ListAccountSettings={"settings": [{"name": "containerInsights", "value": default}]},
    )
    body = {"clusterName": "web"}
    (step,) = plan_of(KIND, desired(KIND, body), observe(KIND, reader, body)).steps
    assert [(one.path, one.after, one.reason) for one in step.fields] == [
        (("settings", "containerInsights"), default, "pending")
    ]
    assert step.calls[0].name == "ecs.UpdateCluster"
    assert step.calls[0].params["settings"] == [{"name": "containerInsights", "value": default}, settings[1]]
    assert [call.name for call in step.calls[1:]] == ["ecs.TagResource"]


def test_the_account_is_asked_only_while_settings_that_we_applied_are_not_declared() -> None:
    """Not in each pass, and not for settings of other clients."""
    settings = [{"name": "containerInsights", "value": "enabled"}]
    for body, live in (
        ({"clusterName": "web", "settings": settings}, applied_with({"clusterName": "web", "settings": settings}, {})),
        ({"clusterName": "web"}, applied_with({"clusterName": "web"}, {"settings": settings})),
    ):
        reader = Answers(ecs_DescribeClusters={"clusters": [live]})
        assert isinstance(observe(KIND, reader, body), Present)


def test_a_cluster_is_unreadable_while_the_account_does_not_answer() -> None:
    """It is neither reset to a guess nor forgotten; the other clusters of the call are read."""
    settings = [{"name": "containerInsights", "value": "enabled"}]
    live = applied_with({"clusterName": "web", "settings": settings}, {"settings": settings})
    reader = Answers(
        ecs_DescribeClusters={"clusters": [live, {**LIVE, "clusterName": "other"}]}, ecs_ListAccountSettings=denied()
    )
    asked = [wanted(KIND, {"clusterName": name}, name) for name in ("web", "other")]
    found = dict(KIND.read(reader, asked, {}))
    assert isinstance(found[key(KIND, "web")], Unreadable)
    assert isinstance(found[key(KIND, "other")], Present)


def test_providers_that_left_the_document_are_taken_off() -> None:
    """Both lists go back to none, in the second step, which writes the mark."""
    body = {"clusterName": "web", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": [
        {"capacityProvider": "FARGATE", "weight": 1}
    ]}  # fmt: skip
    live = present_of(applied_with(body, {name: value for name, value in body.items() if name != "clusterName"}))
    (step,) = plan_of(KIND, desired(KIND, {"clusterName": "web"}), live).steps
    nothing: Body = {"capacityProviders": [], "defaultCapacityProviderStrategy": []}
    assert step.calls[0].params == {"cluster": "web", **nothing}
    assert [call.name for call in step.calls] == ["ecs.PutClusterCapacityProviders", "ecs.TagResource"]


# ---------------------------------------------------------------- read


def test_a_call_reads_a_hundred_clusters_and_only_missing_or_inactive_is_absent() -> None:
    def described(*, clusters: list[str], include: list[str]) -> Body:
        assert len(clusters) <= 100
        assert include == ["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"]
        gone = [{"arn": answers.arn(f"cluster/{name}"), "reason": "MISSING"} for name in clusters if name == "n1"]
        odd = [{"arn": answers.arn(f"cluster/{name}"), "reason": "THROTTLED"} for name in clusters if name == "n2"]
        live = [{**LIVE, "clusterName": name} for name in clusters if name not in ("n1", "n2", "n3", "n4")]
        deleted = [{**LIVE, "clusterName": name, "status": "INACTIVE"} for name in clusters if name == "n4"]
        return {"clusters": live + deleted, "failures": gone + odd}

    reader = Answers(ecs_DescribeClusters=described)
    asked = [wanted(KIND, {"clusterName": f"n{index}"}, f"n{index}") for index in range(120)]
    found = dict(KIND.read(reader, asked, {}))
    assert len(reader.asked) == 2
    assert isinstance(found[key(KIND, "n0")], Present)
    assert found[key(KIND, "n1")] == Absent()
    assert isinstance(found[key(KIND, "n2")], Unreadable)
    assert key(KIND, "n3") not in found, "a cluster that AWS leaves out stays unknown"
    assert found[key(KIND, "n4")] == Absent(), "CreateCluster recreates an INACTIVE cluster"


def test_a_failed_read_is_not_absent() -> None:
    with pytest.raises(AwsError):
        list(KIND.read(Answers(ecs_DescribeClusters=denied()), [wanted(KIND, {"clusterName": "web"})], {}))


def test_a_namespace_that_is_declared_by_name_is_looked_up_and_compared_as_an_arn() -> None:
    space = "arn:aws:servicediscovery:us-east-1:111111111111:namespace/ns-1"
    reader = Answers(
        ecs_DescribeClusters={"clusters": [{**LIVE, "serviceConnectDefaults": {"namespace": space}}]},
        servicediscovery_ListNamespaces={"Namespaces": [{"Name": "prod", "Arn": space}]},
    )
    body = {"clusterName": "web", "serviceConnectDefaults": {"namespace": "prod"}}
    live = observe(KIND, reader, body)
    assert isinstance(live, Present)
    assert update(KIND, body, live).fields == ()


def test_deleted_and_foreign_clusters_are_not_owned() -> None:
    tags = [{"key": OWNER, "value": "v1/prod/shop/Cluster/web"}]
    clusters = [
        {**LIVE, "tags": tags},
        {**LIVE, "clusterName": "gone", "status": "INACTIVE", "tags": tags},
        {**LIVE, "clusterName": "foreign", "tags": [{"key": OWNER, "value": "v1/test/shop/Cluster/web"}]},
        {**LIVE, "clusterName": "unmarked"},
    ]
    reader = Answers(ecs_ListClusters={"clusterArns": [ARN]}, ecs_DescribeClusters={"clusters": clusters})
    assert KIND.owned is not None
    assert [one.natural for one in KIND.owned(reader, "prod")] == ["web"]


# ---------------------------------------------------------------- calls


def test_a_create_carries_the_marks_and_not_the_providers() -> None:
    assert KIND.calls is not None
    body = {"clusterName": "web", "capacityProviders": ["mine"], "defaultCapacityProviderStrategy": STRATEGY}
    (call,) = KIND.calls(Create(desired=desired(KIND, body), marks={OWNER: "o"}))
    assert call.name == "ecs.CreateCluster"
    assert call.params == {"clusterName": "web", "tags": [{"key": OWNER, "value": "o"}]}
    assert call.captures == {"name": ("cluster", "clusterName"), "arn": ("cluster", "clusterArn")}


def test_the_second_step_of_a_create_associates_the_providers() -> None:
    body = {"clusterName": "web", "capacityProviders": [answers.ref("CapacityProvider", "mine", "name")]}
    first, second = plan_of(KIND, desired(KIND, body), Absent()).steps
    assert [call.operation for call in first.calls] == ["CreateCluster"]
    assert compiled(second.calls) == [
        (
            "ecs.PutClusterCapacityProviders",
            {"cluster": "web", "capacityProviders": body["capacityProviders"], "defaultCapacityProviderStrategy": []},
        )
    ]


def test_an_association_sends_the_undeclared_list_as_it_is_live() -> None:
    assert KIND.calls is not None
    live = present_of(
        {
            **LIVE,
            "capacityProviders": ["FARGATE", "old"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE"}, {"capacityProvider": "old"}],
        }
    )
    (call,) = KIND.calls(update(KIND, {"clusterName": "web", "capacityProviders": ["FARGATE", "new"]}, live))
    assert call.params["capacityProviders"] == ["FARGATE", "new"]
    assert call.params["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE"}], "only what is left"
    (call,) = KIND.calls(update(KIND, {"clusterName": "web", "defaultCapacityProviderStrategy": STRATEGY}, live))
    assert call.params["capacityProviders"] == ["FARGATE", "old"]


def test_an_update_sends_the_change_and_the_other_settings() -> None:
    assert KIND.calls is not None
    settings = [{"name": "containerInsights", "value": "disabled"}, {"name": "later", "value": "x"}]
    live = present_of({**LIVE, "settings": settings})
    body = {"clusterName": "web", "settings": [{"name": "containerInsights", "value": "enabled"}]}
    calls = KIND.calls(update(KIND, body, live))
    kept = [{"name": "containerInsights", "value": "enabled"}, {"name": "later", "value": "x"}]
    assert compiled(calls) == [("ecs.UpdateCluster", {"cluster": "web", "settings": kept})]
    assert refused(calls) == []


def test_a_block_that_is_no_longer_declared_is_cleared() -> None:
    assert KIND.calls is not None
    live = present_of(
        {
            **LIVE,
            "serviceConnectDefaults": {"namespace": "arn:x"},
            "configuration": {"executeCommandConfiguration": {"logging": "NONE"}},
        }
    )
    (call,) = KIND.calls(update(KIND, {"clusterName": "web"}, live))
    assert call.params == {
        "cluster": "web",
        "configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}},
        "serviceConnectDefaults": {"namespace": ""},
    }


@pytest.mark.parametrize(
    ("more", "operation"),
    [
        ({"capacityProviders": ["FARGATE", "mine"]}, "PutClusterCapacityProviders"),
        ({"capacityProviders": ["FARGATE"]}, "DeleteCluster"),
        ({"registeredContainerInstancesCount": 1}, ""),
        ({"activeServicesCount": 1}, ""),
        ({"capacityProviders": ["mine"], "attachmentsStatus": "UPDATE_IN_PROGRESS"}, ""),
        ({"status": "DEPROVISIONING"}, ""),
    ],
)
def test_a_delete_is_the_next_safe_call(more: Mapping[str, Any], operation: str) -> None:
    assert KIND.calls is not None
    live = present_of({**LIVE, **more})
    calls = KIND.calls(Delete(key=key(KIND), observed=live))
    assert [call.operation for call in calls] == ([operation] if operation else [])
    replaced = KIND.calls(Replace(desired=desired(KIND, {"clusterName": "web"}), observed=live, fields=(), marks={}))
    assert replaced == calls


# ---------------------------------------------------------------- time


def test_a_change_of_providers_waits_while_ecs_updates_them() -> None:
    live = present_of({**LIVE, "attachmentsStatus": "UPDATE_IN_PROGRESS"})
    change = update(KIND, {"clusterName": "web", "capacityProviders": ["FARGATE"]}, live)
    assert isinstance(KIND.decide(change.desired, live, change.fields, {}), Wait)
    change = update(KIND, {"clusterName": "web", "serviceConnectDefaults": {"namespace": "n"}}, live)
    assert KIND.decide(change.desired, live, change.fields, {}) == Proceed(body=change.desired.body)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "Healthy"),
        ({"status": "FAILED"}, "Degraded"),
        ({"attachmentsStatus": "UPDATE_FAILED"}, "Degraded"),
        ({"status": "PROVISIONING"}, "Progressing"),
    ],
)
def test_health_follows_the_association_of_providers(more: Mapping[str, Any], status: str) -> None:
    assert KIND.judge(desired(KIND, {"clusterName": "web"}), present_of({**LIVE, **more})).status == status


@mock_aws
def test_it_converges_on_moto_one_call_at_a_time() -> None:
    body = {"clusterName": "web", "capacityProviders": ["FARGATE"], "tags": [{"key": "team", "value": "a"}]}
    assert converges(KIND, Moto(), body) == ["ecs.CreateCluster", "ecs.PutClusterCapacityProviders"]
