"""What is written of a live body says the same as the body: over every recorded pair, and parts of them."""

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
from ecsync.core.model import Key, Present, Snapshot, Target
from ecsync.core.trees import Body
from ecsync.importer.manifests import generate
from ecsync.importer.survey import ImportContext, LiveResource, Survey
from ecsync.language.manifest import load
from ecsync.offline.compare import difference

CASES = Path(__file__).resolve().parents[1] / "cases" / "equivalence"
KINDS = wiring.all_kinds()
KNOWN = ImportContext(
    kinds=KINDS, shape_of=shapes.load, application="prod", target=Target(account="111111111111", region="us-east-1")
)


_LB = "arn:aws:elasticloadbalancing:us-east-1:111111111111:{}/app/web/0123456789abcdef"
# What a recorded pair leaves out, and everything live has.
_ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "Listener": {"LoadBalancerArn": _LB.format("loadbalancer"), "Port": 443, "Protocol": "HTTPS"},
    "ListenerRule": {"ListenerArn": _LB.format("listener") + "/fedcba9876543210", "Priority": "7"},
    "ScalableTarget": {"ResourceId": "service/prod/web", "ScalableDimension": "ecs:service:DesiredCount"},
}
_NAMED_ONLY = ("AutoScalingGroup",)
# Without these AWS prints no resource.
_NEEDED = frozenset(
    {"family", "serviceName", "clusterName", "name", "TargetGroupName", "LoadBalancerName", "clusterArn", "revision"}
    | {"taskDefinitionArn", "capacityProviderArn", "serviceArn", "PolicyName", "PolicyARN", "Name", "Port", "Priority"}
    | {"LoadBalancerArn", "ListenerArn", "ResourceId", "Type", "Scheme", "Protocol", "ServiceNamespace"}
    | {"ScalableDimension", "status", "deploymentController", "containerDefinitions"}
)


def _lives() -> list[tuple[str, str, Body]]:
    """Every live side of the derived cases: id, kind, what describe prints."""
    cases = [case for path in sorted(CASES.glob("*.json")) for case in json.loads(path.read_text())]
    named = {kind[0].lower() + kind[1:]: kind for kind in KINDS}
    derived = [(case["id"], named[case["kind"]], case["live"]) for case in cases if case["id"].startswith("der-")]
    return [(one, kind, {**_ALWAYS.get(kind, {}), **live}) for one, kind, live in derived if kind not in _NAMED_ONLY]


def _seen(kind: Kind, live: Body) -> Present:
    """The live side as a read gives it."""
    seen = kind.from_describe(live, live) if kind.from_describe else Present(body=live, outputs={})
    body = {**_ALWAYS.get(kind.name, {}), **seen.body}
    return replace(seen, body=body, outputs={"arn": "arn:it", **seen.outputs}, facts={"arn": "arn:it", **seen.facts})


def _written(kind: Kind, live: Body) -> Body | None:
    """The live side, imported, written as YAML and read again; None where it is no whole document."""
    key = Key(application="prod", kind=kind.name, name="it")
    generated = generate(Survey(resources={key: LiveResource(key=key, present=_seen(kind, live))}), "prod", KNOWN)
    files = {name: text.encode() for name, text in generated.files.items()}
    loaded = load(
        Snapshot(revision="", files=files), kinds=KINDS, shape_of=shapes.load, environment={}, root_name="prod"
    )
    written = [one.body for application in loaded.applications for one in application.resources]
    return written[0] if written and not loaded.problems else None


@pytest.mark.parametrize(("kind", "live"), [case[1:] for case in _lives()], ids=[case[0] for case in _lives()])
def test_what_is_written_is_what_is_live(kind: str, live: Body) -> None:
    """A recorded live body comes back from YAML without a difference."""
    written = _written(KINDS[kind], live)
    assert written is not None
    assert difference(KINDS[kind], written, live).fields == ()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(_lives()), st.data())
def test_so_is_any_part_of_it(case: tuple[str, str, Body], data: st.DataObject) -> None:
    """Whatever else a live body lacks, what is written of it says the same."""
    _, name, live = case
    gone = data.draw(st.sets(st.sampled_from(sorted(live))))
    part = {member: value for member, value in live.items() if member not in gone or member in _NEEDED}
    written = _written(KINDS[name], part)
    assume(written is not None)
    assert written is not None
    assert difference(KINDS[name], written, part).fields == ()


def _live(name: str) -> Body:
    return next(live for one, _, live in _lives() if one == name)


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "LINEAR", "CANARY"])
def test_what_is_left_alone_is_written_where_it_has_no_default(strategy: str) -> None:
    """Else the manifest would lose the bake time."""
    live = _live("der-sv-bluegreen-bake-unset")
    live = {**live, "deploymentConfiguration": {**live["deploymentConfiguration"], "strategy": strategy}}
    written = _written(KINDS["Service"], live)
    assert written is not None
    assert written["deploymentConfiguration"] == {"strategy": strategy, "bakeTimeInMinutes": 5}


@pytest.mark.parametrize("mode", ["awsvpc", "default"])
def test_the_network_of_a_definition_for_windows_is_written(mode: str) -> None:
    """It is left alone where a manifest says nothing of it, and another account would have another one."""
    windows = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "networkMode": mode}
    written = _written(KINDS["TaskDefinition"], {**_live("der-td-networkmode-bridge"), **windows})
    assert written is not None
    assert written["networkMode"] == mode
