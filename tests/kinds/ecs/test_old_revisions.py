"""TaskDefinition with `ecsync/keep-revisions`: the older revisions that are deleted, and those that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import Delete, Key, Present, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Body
from ecsync.kinds.ecs.task_definition import KIND
from tests.kinds.ecs import answers
from tests.kinds.ecs.test_task_definition import MINE, Revisions, image, revision, running
from tests.kinds.elbv2.answers import refused
from tests.kinds.infra import denied, wanted

CLUSTERS = [answers.arn("cluster/one"), answers.arn("cluster/two")]
DONE = {"status": "PRIMARY", "rolloutState": "COMPLETED"}
SIX = {number: (f"web:{number}", MINE) for number in range(1, 7)}


def service(name: str, number: int, *deployments: Mapping[str, Any], cluster: int = 0, **more: Any) -> Body:
    """Return a live service that runs a revision of `web`; by default no deployment is in flight."""
    found = deployments or ({**DONE, "taskDefinition": revision(number)},)
    return {
        "serviceName": name,
        "clusterArn": CLUSTERS[cluster],
        "status": "ACTIVE",
        "taskDefinition": revision(number),
        "deployments": list(found),
        **more,
    }


def _named(service: Body) -> str:
    return str(service["clusterArn"]).rpartition("/")[2]


class Family(Revisions):
    """Revisions and the services of two clusters."""

    def __init__(self, of: Any, services: Sequence[Body] = (), unknown: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(of)
        self.services, self.unknown = services, list(unknown)
        for name in ("ListClusters", "DescribeClusters", "ListServices", "DescribeServices"):
            self.answers[f"ecs.{name}"] = getattr(self, f"_{name}")

    def _list(self, **params: Any) -> Body:
        return super()._list(**{**params, "maxResults": 10})

    def _ListClusters(self) -> Body:  # noqa: N802 - AWS's spelling
        return {"clusterArns": CLUSTERS}

    def _DescribeClusters(self, clusters: Sequence[str]) -> Body:  # noqa: N802 - AWS's spelling
        return {"clusters": [{"clusterArn": one, "status": "ACTIVE"} for one in clusters]}

    def _ListServices(self, cluster: str) -> Body:  # noqa: N802 - AWS's spelling
        names = [one["serviceName"] for one in self.services if one["clusterArn"] == cluster]
        return {"serviceArns": [*names, *(one["arn"] for one in self.unknown)]}

    def _DescribeServices(self, cluster: str, services: Sequence[str], **_: Any) -> Body:  # noqa: N802
        found = [one for one in self.services if _named(one) == cluster and one["serviceName"] in services]
        return {"services": found, "failures": self.unknown}

    def listed_services(self) -> bool:
        return any(name == "ecs.ListServices" for name, _ in self.asked)


def found(reader: Revisions, keep: int, number: int = 6) -> Present:
    want = replace(wanted(KIND, image(f"web:{number}")), keep=keep)
    ((_, present),) = KIND.read(reader, [want], {})
    assert isinstance(present, Present)
    return present


def surplus(reader: Revisions, keep: int, number: int = 6) -> list[int]:
    return [int(one["revision"]) for one in found(reader, keep, number).facts["surplus"]]


def test_our_revisions_beyond_the_newest_are_surplus_oldest_first() -> None:
    """The newest stay, with and without our mark. Of the others, those with our mark are surplus."""
    assert surplus(Family(SIX), 2) == [1, 2, 3, 4]
    assert surplus(Family(SIX), 1) == [1, 2, 3, 4, 5]
    assert surplus(Family({**SIX, 2: ("web:2", ())}), 2) == [1, 3, 4]
    other = [{"key": "ecsync:owner", "value": "v1/other/shop/TaskDefinition/web"}]
    assert surplus(Family({**SIX, 1: ("web:1", other)}), 4) == [2]


def test_without_the_annotation_services_are_not_listed() -> None:
    """The annotation costs no call where it is not declared."""
    reader = Family(SIX)
    assert "surplus" not in found(reader, 0).facts
    assert not reader.listed_services()


def test_services_are_listed_only_if_a_revision_is_surplus() -> None:
    """A family with few revisions costs one list call."""
    reader = Family(SIX)
    assert surplus(reader, 6) == []
    assert not reader.listed_services()


def test_the_live_revision_stays_however_old_it_is() -> None:
    """An image that is declared again is live on an old revision."""
    assert surplus(Family(SIX), 2, number=1) == [2, 3, 4]


def test_a_family_with_an_unmarked_live_revision_is_not_cleaned_up() -> None:
    """The family is ours only while its live revision is ours."""
    assert "surplus" not in found(Family({**SIX, 6: ("web:6", ())}), 2).facts


def test_a_revision_that_a_service_of_any_cluster_uses_stays() -> None:
    """As its task definition, in a deployment, or in a task set."""
    sets = [{"taskDefinition": revision(3)}]
    others = [service("a", 6), service("b", 1, cluster=1), service("c", 6, cluster=1, taskSets=sets)]
    assert surplus(Family(SIX, others), 2) == [2, 4]


@pytest.mark.parametrize(
    "deployments",
    [
        ({**DONE, "rolloutState": "IN_PROGRESS", "taskDefinition": revision(6)},),
        ({**DONE, "taskDefinition": revision(6)}, {"status": "ACTIVE", "taskDefinition": revision(5)}),
    ],
)
def test_nothing_is_surplus_while_a_deployment_of_the_family_is_in_flight(deployments: Any) -> None:
    """ECS may roll back to a revision that is no longer in the list of deployments."""
    facts = found(Family(SIX, [service("a", 6, *deployments)]), 2).facts
    assert facts["surplus"] == ()
    assert facts["cleanupBlocked"].startswith("one/a is being deployed")


def test_a_deployment_of_another_family_does_not_block_the_cleanup() -> None:
    """A deployment of another family cannot roll back to this one."""
    in_flight = {**DONE, "rolloutState": "IN_PROGRESS", "taskDefinition": revision(1, "webhook")}
    assert surplus(Family(SIX, [service("a", 6, in_flight, taskDefinition=revision(1, "webhook"))]), 4) == [1, 2]


@pytest.mark.parametrize("operation", ["ListClusters", "DescribeClusters", "ListServices", "DescribeServices"])
def test_nothing_is_surplus_if_services_cannot_be_read(operation: str) -> None:
    """A denied read of the services blocks the cleanup, not the task definition."""
    reader = Family(SIX, [service("a", 6)])
    reader.answers[f"ecs.{operation}"] = denied()
    present = found(reader, 2)
    assert present.facts["surplus"] == ()
    assert "AccessDenied" in present.facts["cleanupBlocked"]
    assert present.outputs["revision"] == "6"


def test_a_service_that_aws_fails_to_describe_blocks_the_cleanup() -> None:
    """Only a MISSING service does not exist."""
    failure = {"arn": "b", "reason": "ACCESS_DENIED"}
    assert "ACCESS_DENIED" in found(Family(SIX, [service("a", 6)], [failure]), 2).facts["cleanupBlocked"]
    assert surplus(Family(SIX, [service("a", 6)], [{**failure, "reason": "MISSING"}]), 4) == [1, 2]


def test_lost_credentials_are_an_error() -> None:
    """They end the pass."""
    reader = Family(SIX)
    reader.answers["ecs.ListClusters"] = AwsError("credentials", "ExpiredToken", "expired", "ecs.ListClusters")
    with pytest.raises(AwsError):
        found(reader, 2)


def test_a_revision_without_its_mark_stays() -> None:
    """Descriptions may come from the cache; the tags of surplus revisions are read now."""

    class Stale(Family):
        def cached(self, service: str, operation: str, /, **params: Any) -> Body:
            return {**self.call(service, operation, **params), "tags": MINE}

    assert surplus(Stale({**SIX, 1: ("web:1", ())}), 4) == [2]


def test_a_surplus_revision_is_deregistered_unless_a_service_of_the_application_runs_it() -> None:
    """The oldest is first. The services of the application are read after the list of services."""
    assert KIND.superseded is not None
    assert KIND.calls is not None
    present = found(Family(SIX), 4)
    (oldest, why), (_, next_why) = KIND.superseded(present, running(2, 6))
    assert (why, next_why) == ("", "Service/s0 still runs web:2")
    assert oldest.outputs == {"arn": revision(1), "family": "web", "revision": "1"}
    key = Key(application="shop", kind="TaskDefinition", name="web")
    (call,) = KIND.calls(Delete(key=key, observed=oldest))
    assert (call.operation, call.params) == ("DeregisterTaskDefinition", {"taskDefinition": revision(1)})
    assert refused([call]) == []
    unread = {Key(application="shop", kind="Service", name="x"): Unreadable("denied")}
    assert {why for _, why in KIND.superseded(present, unread)} == {
        f"Service/x could not be read, and may run web:{number}" for number in (1, 2)
    }
    assert list(KIND.superseded(found(Family(dict.fromkeys([6], ("web:1", MINE))), 0), {})) == []
