"""The written body and the live body mean the same: for every recorded pair, and for parts of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ecsync import wiring
from ecsync.awsmodel import shapes
from ecsync.core.kind import Kind
from ecsync.core.model import Key, Present, Target
from ecsync.core.ports import Snapshot
from ecsync.core.trees import Body
from ecsync.importer.manifests import generate
from ecsync.importer.survey import ImportContext, LiveResource, Survey
from ecsync.language.manifest import load
from ecsync.offline.compare import difference

CASES = Path(__file__).resolve().parents[1] / "cases" / "equivalence"
# The bodies are fragments: what AWS requires of a whole one is not tested.
KINDS = {name: replace(kind, constraints=()) for name, kind in wiring.all_kinds().items()}
KNOWN = ImportContext(
    kinds=KINDS, shape_of=shapes.load, application="prod", target=Target(account="111111111111", region="us-east-1")
)


_LB = "arn:aws:elasticloadbalancing:us-east-1:111111111111:{}/app/web/0123456789abcdef"
# Members that recorded pairs leave out, and that every live resource has.
_ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "Listener": {"LoadBalancerArn": _LB.format("loadbalancer"), "Port": 443, "Protocol": "HTTPS"},
    "ListenerRule": {"ListenerArn": _LB.format("listener") + "/fedcba9876543210", "Priority": "7"},
    "ScalableTarget": {"ResourceId": "service/prod/web", "ScalableDimension": "ecs:service:DesiredCount"},
}
_NAMED_ONLY = ("AutoScalingGroup",)
# Members that AWS always returns.
_NEEDED = frozenset(
    {"family", "serviceName", "clusterName", "name", "TargetGroupName", "LoadBalancerName", "clusterArn", "revision"}
    | {"taskDefinitionArn", "capacityProviderArn", "serviceArn", "PolicyName", "PolicyARN", "Name", "Port", "Priority"}
    | {"LoadBalancerArn", "ListenerArn", "ResourceId", "Type", "Scheme", "Protocol", "ServiceNamespace"}
    | {"ScalableDimension", "status", "deploymentController", "containerDefinitions"}
)


def _lives() -> list[tuple[str, str, Body]]:
    """Return the live side of every derived case: id, kind, describe response."""
    cases = [case for path in sorted(CASES.glob("*.json")) for case in json.loads(path.read_text())]
    named = {kind[0].lower() + kind[1:]: kind for kind in KINDS}
    derived = [(case["id"], named[case["kind"]], case["live"]) for case in cases if case["id"].startswith("der-")]
    return [(one, kind, {**_ALWAYS.get(kind, {}), **live}) for one, kind, live in derived if kind not in _NAMED_ONLY]


def _seen(kind: Kind, live: Body) -> Present:
    """Return the live side as a read returns it."""
    seen = kind.from_describe(live, live) if kind.from_describe else Present(body=live, outputs={})
    body = {**_ALWAYS.get(kind.name, {}), **seen.body}
    return replace(seen, body=body, outputs={"arn": "arn:it", **seen.outputs}, facts={"arn": "arn:it", **seen.facts})


def _written(kind: Kind, live: Body) -> Body | None:
    """Return the live side after an import to YAML and a load of it; None where it is no complete document."""
    key = Key(application="prod", kind=kind.name, name="it")
    generated = generate(Survey(resources={key: LiveResource(key=key, present=_seen(kind, live))}), "prod", KNOWN)
    files = {name: text.encode() for name, text in generated.files.items()}
    loaded = load(
        Snapshot(revision="", files=files), kinds=KINDS, shape_of=shapes.load, environment={}, root_name="prod"
    )
    written = [one.body for application in loaded.applications for one in application.resources]
    return written[0] if written and not loaded.problems else None


@pytest.mark.parametrize(("kind", "live"), [case[1:] for case in _lives()], ids=[case[0] for case in _lives()])
def test_a_written_body_has_no_difference_to_the_live_body(kind: str, live: Body) -> None:
    """A recorded live body, imported to YAML and loaded again, has no difference."""
    written = _written(KINDS[kind], live)
    assert written is not None
    assert difference(KINDS[kind], written, live).fields == ()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(_lives()), st.data())
def test_a_part_of_a_body_has_no_difference_to_the_live_body(case: tuple[str, str, Body], data: st.DataObject) -> None:
    """The same holds for a live body without some of its optional members."""
    _, name, live = case
    removed = data.draw(st.sets(st.sampled_from(sorted(live))))
    part = {member: value for member, value in live.items() if member not in removed or member in _NEEDED}
    written = _written(KINDS[name], part)
    assume(written is not None)
    assert written is not None
    assert difference(KINDS[name], written, part).fields == ()


def _live(name: str) -> Body:
    return next(live for one, _, live in _lives() if one == name)


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "LINEAR", "CANARY"])
def test_the_bake_time_is_written_for_every_strategy_that_has_one(strategy: str) -> None:
    """AWS has no default bake time there: without the member, the manifest loses it."""
    live = _live("der-sv-bluegreen-bake-unset")
    live = {**live, "deploymentConfiguration": {**live["deploymentConfiguration"], "strategy": strategy}}
    written = _written(KINDS["Service"], live)
    assert written is not None
    assert written["deploymentConfiguration"] == {"strategy": strategy, "bakeTimeInMinutes": 5}


@pytest.mark.parametrize("mode", ["awsvpc", "default"])
def test_the_network_mode_of_a_windows_task_definition_is_written(mode: str) -> None:
    """An undeclared network mode is not enforced, so another account could get another one."""
    windows = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "networkMode": mode}
    written = _written(KINDS["TaskDefinition"], {**_live("der-td-networkmode-bridge"), **windows})
    assert written is not None
    assert written["networkMode"] == mode
