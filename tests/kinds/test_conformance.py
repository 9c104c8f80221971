"""What is true of every kind (`architecture.md`, *Conformance*): a new one is tested by its line in `kinds.ALL`."""

from __future__ import annotations

import os
import re
import textwrap
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
from ecsync.core.model import Call, Delete, Key, Present, Snapshot, Update
from ecsync.core.normalise import normalise
from ecsync.core.rules import Immutable, Keyed, Refers
from ecsync.core.tagging import spelled
from ecsync.core.trees import pattern, thaw
from ecsync.language.manifest import Loaded, load
from tests.kinds import conformance
from tests.kinds.conformance import Account, converged, refused, unknown_operations, writable
from tests.kinds.shaped import bodies, body_shape, called_after_kinds, element_at, exists, printed_shape, sample

MANIFESTS = Path(__file__).parent.parent.parent / "manifests"
README = MANIFESTS.parent / "README.md"
MANUAL = MANIFESTS.parent / "docs" / "manifests.md"
# Members that are called after a kind and hold something else, or a name that no manifest declares.
NO_REFERENCE: dict[tuple[str, str], str] = {
    ("LaunchTemplate", "LaunchTemplateData.SecurityGroups[]"): "names of groups of the default VPC; ids are in another",
    ("AutoScalingGroup", "LoadBalancerNames[]"): "Classic Load Balancers",
    ("Service", "loadBalancers[].loadBalancerName"): "a Classic Load Balancer",
    ("Service", "vpcLatticeConfigurations[].targetGroupArn"): "a target group of VPC Lattice",
    ("ScalableTarget", "RoleARN"): "ECS uses the service-linked role",
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

    @each(writable())
    def test_every_operation_of_a_create_and_an_update_is_declared(self, kind: Kind, rich: Account) -> None:
        """IAM policies are derived from it."""
        declared = kind.writes | (kind.tagging.operations if kind.tagging else frozenset())
        made = {call.name for call in (*rich.calls.get(kind.name, ()), *_updates(kind, rich))}
        assert made <= declared, f"add to `writes` of {kind.name}: {sorted(made - declared)}"

    @each(writable())
    def test_every_operation_of_a_delete_is_declared(self, kind: Kind, rich: Account) -> None:
        """As far as the live resource needs them."""
        assert kind.calls is not None
        key, observed = _live(kind, rich)
        made = {call.name for call in kind.calls(Delete(key=key, observed=observed))}
        assert made, f"{kind.name} is never deleted"
        assert made <= kind.deletes, f"add to `deletes` of {kind.name}: {sorted(made - kind.deletes)}"

    @each(kinds.ALL)
    def test_every_declared_operation_is_one_of_aws(self, kind: Kind) -> None:
        """A typo would leave a right out of the policy."""
        tags = kind.tagging.operations if kind.tagging else frozenset()
        assert unknown_operations(kind.reads | kind.writes | kind.deletes | tags) == []

    @each(kinds.ALL)
    def test_iam_actions_are_derived_from_the_operations(self, kind: Kind) -> None:
        """A read is never a right to write."""
        assert kind.actions.keys() == ({"read", "write", "delete"} if kind.calls else {"read"})
        assert len(kind.actions["read"]) == len(kind.reads) > 0
        assert all(":" in action for actions in kind.actions.values() for action in actions)


def _live(kind: Kind, rich: Account) -> tuple[Key, Present]:
    found = next(one for one in rich.last.application.resources if one.key.kind == kind.name)
    observed = rich.world[found.key]
    assert isinstance(observed, Present), observed
    return found.key, observed


def _updates(kind: Kind, rich: Account) -> Iterator[Call]:
    """Yield the calls of an update of each member by itself."""
    assert kind.calls is not None
    scene = rich.last
    found = next(one for one in scene.application.resources if one.key.kind == kind.name)
    _, observed = _live(kind, rich)
    for member in sorted(body_shape(kind).members.keys() - fixed(kind)):
        other = {key: value for key, value in observed.body.items() if key != member}
        desired = scene.resolved(found)
        if member not in desired.body:
            other[member] = sample(body_shape(kind).members[member])
        before = replace(observed, body=other)
        body = kind.adjust(desired.body, before) if kind.adjust else desired.body
        fields = [one for one in differences(body, other, kind.rules).fields if one.path[0] == member]
        if fields:
            yield from kind.calls(Update(desired=desired, observed=before, fields=tuple(fields)))


def fixed(kind: Kind) -> set[str]:
    """Return the members that are replaced as a whole or in part, and the tags, which have calls of their own."""
    immutable = {rule.segments[0] for rule in kind.rules if isinstance(rule, Immutable)}
    return immutable | ({kind.tagging.member} if kind.tagging else set())


@pytest.fixture(scope="module")
def examples() -> Loaded:
    """The examples of every kind as one application, loaded with the real kinds and shapes."""
    text = "".join(textwrap.indent(kind.example.strip("\n") + "\n", "  ") for kind in kinds.ALL if kind.example)
    snapshot = Snapshot(revision="test", files={"all.yaml": f"apiVersion: ecsync/v1\nresources:\n{text}".encode()})
    return load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name="shop")


class TestDocumentation:
    """What people read about a kind."""

    @each(kinds.ALL)
    def test_a_kind_has_an_example(self, kind: Kind) -> None:
        """A person who wants one copies it; `ecsync explain` prints it."""
        head = kind.example.strip().partition("/")[0]
        assert head == kind.name, f"{kind.name} has no `example` in its file, or one of another kind"

    def test_the_examples_are_valid_together(self, examples: Loaded) -> None:
        """They refer to each other, as documents do."""
        assert [str(problem) for problem in examples.problems] == []
        (application,) = examples.applications
        assert {desired.key.kind for desired in application.resources} == kinds.BY_NAME.keys()

    @each(kinds.ALL)
    def test_the_readme_names_the_kind(self, kind: Kind) -> None:
        """In its list of kinds."""
        listed = README.read_text(encoding="utf-8").partition("Kinds: ")[2].partition(". ")[0]
        names = re.split(r"[,\s]+", listed)
        assert kind.name in names, f"add {kind.name} to the list `Kinds: …` of README.md"

    @each(kinds.ALL)
    def test_the_manual_lists_the_outputs_of_the_kind(self, kind: Kind) -> None:
        """In the table of kinds."""
        others = ", ".join(output for output in kind.outputs if output != kind.primary)
        outputs = f"{kind.primary}; {others}" if others else kind.primary
        rows = [line for line in MANUAL.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {kind.name} ")]
        assert len(rows) == 1, f"add this row to the table of kinds in docs/manifests.md: | {kind.name} | {outputs} |"
        assert rows[0].endswith(f"| {outputs} |"), f"the row must end in | {outputs} |"

    @pytest.mark.parametrize("folder", sorted(path.name for path in MANIFESTS.iterdir() if path.is_dir()))
    def test_the_shipped_manifests_are_valid(self, folder: str) -> None:
        """With the real kinds and shapes."""
        paths = sorted((MANIFESTS / folder).rglob("*.yaml"))
        files = {path.relative_to(MANIFESTS / folder).as_posix(): path.read_bytes() for path in paths}
        snapshot = Snapshot(revision="test", files=files)
        loaded = load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name=folder)
        assert [str(problem) for problem in loaded.problems] == []


class TestReferences:
    """Which members of a body hold the name or ARN of a resource of another kind."""

    @each([kind for kind in kinds.ALL if kind.referred_by])
    def test_what_refers_to_a_kind_is_a_place_that_exists(self, kind: Kind) -> None:
        """`referred_by` names other kinds and paths of their bodies."""
        for other, paths in kind.referred_by.items():
            assert other in kinds.BY_NAME, f"{kind.name}.referred_by names {other}, which is no kind"
            for path in paths:
                assert exists(body_shape(kinds.BY_NAME[other]), pattern(path)), f"{other} has no {path}"

    @each(SHAPED)
    def test_a_member_that_is_called_after_a_kind_refers_to_it(self, kind: Kind) -> None:
        """`taskDefinition`, `clusterArn`, `alarmNames`: else a literal name would not order the steps."""
        rows = {(rule.segments, rule.kind) for rule in kind.rules if isinstance(rule, Refers)}
        missing = [
            f'{path} of {kind.name} looks like a reference to {other}: add Refers(path="{path}", kind="{other}") to '
            f"its RULES, or the path to `referred_by` of {other}, "
            "or the reason why it is none to NO_REFERENCE of this file"
            for path, other in called_after_kinds(body_shape(kind))
            if (pattern(path), other) not in rows and (kind.name, path) not in NO_REFERENCE and path != kind.name_member
        ]
        assert missing == []
