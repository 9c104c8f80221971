"""What is true of every kind (`architecture.md`, *Conformance*): a new one is tested by its line in `kinds.ALL`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsim import Simulator
from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.diff import differences
from ecsync.core.kind import Kind
from ecsync.core.model import Present, Snapshot, Update
from ecsync.core.normalise import normalise
from ecsync.core.rules import Immutable, Keyed, Refers
from ecsync.core.tagging import spelled
from ecsync.core.trees import pattern, thaw
from ecsync.language.manifest import load
from tests.kinds import conformance
from tests.kinds.conformance import Account, converged, refused, writable
from tests.kinds.shaped import bodies, body_shape, element_at, exists, printed_shape, sample

MANIFESTS = Path(__file__).parent.parent.parent / "manifests"
IAM = {
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
}
SHAPED = [kind for kind in kinds.ALL if kind.shape]
# One of the three is declared, and takes the place of the other; the default certificate is changed, never taken off.
INSTEAD = {"AutoScalingGroup": {"LaunchConfigurationName", "MixedInstancesPolicy"}, "Listener": {"Certificates"}}


def each(among: Sequence[Kind]) -> pytest.MarkDecorator:
    """Run a test for each kind."""
    return pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in among])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated account, and this process's credentials for it."""
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(AWS_ACCESS_KEY_ID="simulated", AWS_SECRET_ACCESS_KEY="simulated")
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        yield from conformance.served()


@pytest.fixture(scope="module")
def rich(simulator: Simulator) -> Account:
    """An account with a rich resource of every kind."""
    return converged(simulator, "rich.yaml")


class TestCrash:
    """After each prefix of the calls of a create, read and plan yield exactly the rest."""

    @each(writable())
    def test_a_create_that_was_cut_short_is_finished(self, kind: Kind, rich: Account) -> None:
        """No call is left out, none is made again, and each says what it would have said."""
        halves = [one for one in rich.halves if one.key.kind == kind.name]
        assert halves, f"tests/cases/conformance/rich.yaml has no {kind.name}, or it was not created"
        for half in halves:
            assert isinstance(rich.world[half.key], Present)
            assert half.planned == half.left, f"after {half.made} of the calls of {half.key}"

    @each(writable())
    def test_every_call_of_a_create_is_one_that_aws_s_model_allows(self, kind: Kind, rich: Account) -> None:
        """With texts in place of references."""
        assert refused(rich.calls[kind.name]) == []


class TestPlain:
    """A resource with nothing but what it must have."""

    def test_what_is_not_written_is_no_difference(self, simulator: Simulator) -> None:
        """Every kind, as AWS fills it in: nothing more is to be done."""
        account = converged(simulator, "plain.yaml")
        made = {half.key.kind for half in account.halves}
        assert made == {kind.name for kind in writable()}
        assert [half for half in account.halves if half.planned != half.left] == []


class TestRules:
    """The rows of a kind's table."""

    @each(SHAPED)
    def test_every_row_names_a_place_that_there_is(self, kind: Kind) -> None:
        """In the body, or in what describe prints; a typo in a path would do nothing, silently."""
        known = [shape for shape in (body_shape(kind), printed_shape(kind)) if shape is not None]
        lost = [
            f"{type(rule).__name__}({rule.path})"
            for rule in kind.rules
            if not any(exists(shape, rule.segments) for shape in known) and rule.segments[0] not in made_up(kind)
        ]
        assert lost == []

    def test_a_typo_in_a_path_is_seen(self) -> None:
        """At the top, below a list, and beside a list."""
        shape = body_shape(kinds.BY_NAME["TaskDefinition"])
        assert exists(shape, pattern("containerDefinitions[].portMappings[].protocol"))
        for typo in ("containerDefinition", "containerDefinitions[].portMapping", "containerDefinitions.image"):
            assert not exists(shape, pattern(typo))

    @each(SHAPED)
    def test_every_key_of_a_keyed_list_is_a_member_of_its_elements(self, kind: Kind) -> None:
        """Else every element would have the same key."""
        for rule in kind.rules:
            if isinstance(rule, Keyed) and rule.segments[0] not in made_up(kind):
                element = element_at(body_shape(kind), rule.segments)
                if element is not None and element.type == "structure":
                    assert {*rule.key} <= element.members.keys(), rule.path

    @each(kinds.ALL)
    def test_every_row_has_a_source(self, kind: Kind) -> None:
        """Nobody has to guess why it is there; that a member holds the name of a resource, its own name says."""
        rows = [rule for rule in kind.rules if not isinstance(rule, Refers)]
        assert [f"{type(rule).__name__}({rule.path})" for rule in rows if not rule.source] == []


def made_up(kind: Kind) -> set[str]:
    """Return the members that a kind puts into bodies itself, for what AWS's model has no place for."""
    return {"AutoScalingGroup": {"PropagateAtLaunch"}}.get(kind.name, set())


class TestCanonical:
    """Bodies made of AWS's own shapes."""

    @each(SHAPED)
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_the_canonical_form_is_final_and_differs_from_nothing(self, kind: Kind, data: st.DataObject) -> None:
        """Normalising twice is normalising once, and a body never differs from itself."""
        body = data.draw(bodies(kind))
        before = thaw(body)
        once = normalise(body, kind.rules)
        assert normalise(once, kind.rules) == once
        assert differences(body, body, kind.rules).fields == ()
        assert differences(once, body, kind.rules).fields == ()
        assert body == before


class TestTags:
    """What people and AWS call a resource by the way."""

    @each([kind for kind in kinds.ALL if kind.tagging])
    def test_an_empty_value_is_a_value_in_every_spelling(self, kind: Kind) -> None:
        """A map, as we read them, and AWS's list say the same; without the tag it is something else."""
        assert kind.tagging is not None
        member = kind.tagging.member
        as_map, as_list = {member: {"a": ""}}, {member: spelled({"a": ""}, kind.tagging.style)}
        assert normalise(as_map, kind.rules)[member] == normalise(as_list, kind.rules)[member] == {"a": ""}
        assert [one.path for one in differences(as_list, {}, kind.rules).fields] == [(member,)]


class TestUpdates:
    """Every member can be changed, or is known not to be."""

    @each(writable())
    def test_a_member_that_changes_is_a_call_or_a_replacement(self, kind: Kind, rich: Account) -> None:
        """What a create takes and an update does not is Immutable, or has a call of its own."""
        assert kind.calls is not None
        inputs = rich.last
        found = next(one for one in inputs.application.resources if one.key.kind == kind.name)
        observed = inputs.world[found.key]
        desired = inputs.resolved(found)
        assert isinstance(observed, Present), observed
        members = body_shape(kind).members
        silent = []
        for member in sorted(members.keys() - fixed(kind)):
            other = {key: value for key, value in observed.body.items() if key != member}
            if member not in desired.body:
                other[member] = sample(members[member])
            before = replace(observed, body=other)
            body = kind.adjust(desired.body, before) if kind.adjust else desired.body
            fields = [one for one in differences(body, other, kind.rules).fields if one.path[0] == member]
            calls = kind.calls(Update(desired=desired, observed=before, fields=tuple(fields))) if fields else ()
            assert refused(calls) == [], member
            if fields and not calls and member not in INSTEAD.get(kind.name, ()):
                silent.append(member)
        assert silent == []

    @each(kinds.ALL)
    def test_what_is_called_may_be_called(self, kind: Kind, rich: Account) -> None:
        """The shipped policy has an action for each read that it declares, and for each call that it makes."""
        rights = {action for actions in kind.actions.values() for action in actions}
        asked = {_action(name) for name in kind.reads}
        made = {_action(call.name) for call in rich.calls.get(kind.name, ())}
        assert asked - rights == set()
        assert made - rights == set()
        assert kind.actions.keys() >= ({"read", "write", "delete"} if kind.calls else {"read"})


def fixed(kind: Kind) -> set[str]:
    """Return the members that are replaced as a whole or in part, and the tags, which have calls of their own."""
    immutable = {rule.segments[0] for rule in kind.rules if isinstance(rule, Immutable)}
    return immutable | ({kind.tagging.member} if kind.tagging else set())


def _action(name: str) -> str:
    service, _, operation = name.partition(".")
    return f"{IAM.get(service, service)}:{operation}"


@pytest.fixture(scope="module")
def shipped() -> set[str]:
    """The kinds of every document that we ship, loaded with the real kinds and shapes."""
    found: set[str] = set()
    for folder in sorted(path for path in MANIFESTS.iterdir() if path.is_dir()):
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))}
        snapshot = Snapshot(revision="test", files=files)
        loaded = load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name=folder.name)
        assert not loaded.problems, [str(problem) for problem in loaded.problems]
        found |= {desired.key.kind for one in loaded.applications for desired in one.resources}
    return found


class TestManifests:
    """What we ship."""

    @each(kinds.ALL)
    def test_a_kind_has_an_example_that_is_valid(self, kind: Kind, shipped: set[str]) -> None:
        """Somebody who wants one can copy it."""
        assert kind.name in shipped
