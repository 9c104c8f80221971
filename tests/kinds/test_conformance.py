"""Conformance: every kind in `kinds.ALL` passes these tests. A message states what a new kind lacks and what to add."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsim import Simulator
from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.diff import differences
from ecsync.core.kind import Kind
from ecsync.core.marks import spelled
from ecsync.core.model import Call, Delete, Desired, Key, Present, Update
from ecsync.core.normalise import normalise
from ecsync.core.ports import Snapshot
from ecsync.core.rules import Computed, Immutable, Keyed, Refers, Released, Reverts
from ecsync.core.trees import pattern, thaw
from ecsync.language.manifest import Loaded, load
from tests.kinds import conformance
from tests.kinds.conformance import Account, converged, refused, unknown_operations, writable
from tests.kinds.shaped import bodies, body_shape, element_at, exists, members_named_after_kinds, printed_shape, sample

MANIFESTS = Path(__file__).parent.parent.parent / "manifests"
README = MANIFESTS.parent / "README.md"
MANUAL = MANIFESTS.parent / "docs" / "manifests.md"
RICH, PLAIN = "tests/cases/conformance/rich.yaml", "tests/cases/conformance/plain.yaml"
# Kinds that an import finds without a reference, or leaves as an id.
NOT_IMPORTED_BY_REFERENCE = {
    "Cluster": "the import begins with it",
    "Service": "listed by the cluster",
    "TaskDefinition": "read with the services that run it",
    "Listener": "listed by the load balancer",
    "ListenerRule": "listed by the listener",
    "SecurityGroup": "other clusters may use it: it stays an id",
    "LaunchTemplate": "belongs to an Auto Scaling group, which an import does not manage",
}
# Members that have the name of a kind but hold something else, or the name of a resource that no manifest declares.
NO_REFERENCE: dict[tuple[str, str], str] = {
    (
        "LaunchTemplate",
        "LaunchTemplateData.SecurityGroups[]",
    ): "group names; SecurityGroupIds is the reference",
    ("AutoScalingGroup", "LoadBalancerNames[]"): "Classic Load Balancers",
    ("Service", "loadBalancers[].loadBalancerName"): "a Classic Load Balancer",
    ("Service", "vpcLatticeConfigurations[].targetGroupArn"): "a target group of VPC Lattice",
    ("ScalableTarget", "RoleARN"): "ECS uses the service-linked role",
}
SHAPED = [kind for kind in kinds.ALL if kind.shape]
# Members that an update never removes: another member replaces them, or AWS requires them (the default certificate).
INSTEAD = {"AutoScalingGroup": {"LaunchConfigurationName", "MixedInstancesPolicy"}, "Listener": {"Certificates"}}


def each(among: Sequence[Kind]) -> pytest.MarkDecorator:
    """Run a test for each kind."""
    return pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in among])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A simulated account, with credentials for it in the environment."""
    with conformance.simulated_credentials():
        yield from conformance.served()


@pytest.fixture(scope="module")
def rich(simulator: Simulator) -> Account:
    """An account with a resource of every kind that declares many members."""
    return converged(simulator, "rich.yaml")


class TestCrash:
    """After any part of the calls of a create, a read and a plan give exactly the remaining calls."""

    @each(writable())
    def test_a_create_that_was_cut_short_is_finished(self, kind: Kind, rich: Account) -> None:
        """No call is omitted or repeated, and each has the same parameters."""
        halves = [one for one in rich.halves if one.key.kind == kind.name]
        assert halves, _lacking(kind)
        for half in halves:
            assert isinstance(rich.world[half.key], Present)
            assert half.planned == half.left, (
                f"after call {half.made} of the create of {half.key}, the plan must be the remaining calls (right): "
                f"correct `read`, RULES or `calls` of {kind.name}, so that a read shows what each call wrote"
            )

    @each(writable())
    def test_every_call_of_a_create_is_one_that_aws_s_model_allows(self, kind: Kind, rich: Account) -> None:
        """A reference counts as text."""
        assert kind.name in rich.calls, _lacking(kind)
        found = refused(rich.calls[kind.name])
        assert found == [], f"botocore refuses these calls: correct their parameters in `calls` of {kind.name}"


class TestPlain:
    """A resource that declares only its required members."""

    def test_what_is_not_written_is_no_difference(self, simulator: Simulator) -> None:
        """For every kind, the members that AWS fills in cause no step."""
        account = converged(simulator, "plain.yaml")
        made = {half.key.kind for half in account.halves}
        lacking = sorted({kind.name for kind in writable()} - made)
        assert made == {kind.name for kind in writable()}, f"add one with its required members to {PLAIN}: {lacking}"
        assert [half for half in account.halves if half.planned != half.left] == [], (
            "`planned` must be `left`: for each planned member that no document declares, add to RULES of the kind "
            'Default(path="<member>", value=…, source="…") or Computed(path="<member>", source="…")'
        )


class TestRules:
    """The rows of a kind's RULES."""

    @each(SHAPED)
    def test_every_row_names_a_place_that_exists(self, kind: Kind) -> None:
        """In the body, or in the response of describe. A row with a wrong path has no effect."""
        known = [shape for shape in (body_shape(kind), printed_shape(kind)) if shape is not None]
        lost = [
            f"{type(rule).__name__}({rule.path})"
            for rule in kind.rules
            if not any(exists(shape, rule.segments) for shape in known) and rule.segments[0] not in made_up(kind)
        ]
        assert lost == [], (
            f"no member of {kind.name} has the path of these rows: correct their `path`, "
            "or add the member to `extra` of its ShapeOf if another call sets it"
        )

    def test_a_typo_in_a_path_is_detected(self) -> None:
        """At the top, below a list, and beside a list."""
        shape = body_shape(kinds.BY_NAME["TaskDefinition"])
        assert exists(shape, pattern("containerDefinitions[].portMappings[].protocol"))
        for typo in ("containerDefinition", "containerDefinitions[].portMapping", "containerDefinitions.image"):
            assert not exists(shape, pattern(typo))

    @each(SHAPED)
    def test_every_key_of_a_keyed_list_is_a_member_of_its_elements(self, kind: Kind) -> None:
        """Otherwise every element has the same key."""
        for rule in kind.rules:
            if isinstance(rule, Keyed) and rule.segments[0] not in made_up(kind):
                element = element_at(body_shape(kind), rule.segments)
                if element is not None and element.type == "structure":
                    assert {*rule.key} <= element.members.keys(), (
                        f"Keyed({rule.path}) of {kind.name}: `key` must name members of an element, "
                        f"which are {sorted(element.members)}"
                    )

    @each(kinds.ALL)
    def test_every_row_has_a_source(self, kind: Kind) -> None:
        """A reader can check it. A Refers row needs none: the name of its member is the source."""
        rows = [rule for rule in kind.rules if not isinstance(rule, Refers)]
        assert [f"{type(rule).__name__}({rule.path})" for rule in rows if not rule.source] == [], (
            f'add source="<service>.<Operation>: <the fact that AWS states>" to these rows of {kind.name}, '
            'or source="read back from AWS: <the fact>"'
        )


def made_up(kind: Kind) -> set[str]:
    """Return the members that a kind adds to bodies, for values that AWS's model has no member for."""
    return {"AutoScalingGroup": {"PropagateAtLaunch"}}.get(kind.name, set())


class TestCanonical:
    """Random bodies of AWS's own shapes."""

    @each(SHAPED)
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_the_canonical_form_is_final_and_differs_from_nothing(self, kind: Kind, data: st.DataObject) -> None:
        """Normalising twice equals normalising once, and a body never differs from itself."""
        body = data.draw(bodies(kind))
        before = thaw(body)
        once = normalise(body, kind.rules)
        assert normalise(once, kind.rules) == once, (
            f"a Rewrite or Reshape row of {kind.name} changes its own result: `to(to(value))` must equal `to(value)`"
        )
        assert differences(body, body, kind.rules).fields == (), f"a body of {kind.name} differs from itself"
        assert differences(once, body, kind.rules).fields == (), (
            f"a canonical body of {kind.name} differs from the body that it was made from"
        )
        assert body == before, f"a row of {kind.name} changes the body that it is given: `to` must return a new value"


class TestTags:
    """Tags, in the forms of a manifest and of AWS."""

    @each([kind for kind in kinds.ALL if kind.tagging])
    def test_an_empty_value_is_a_value_in_every_form(self, kind: Kind) -> None:
        """A map, as a read returns, equals AWS's list; a body without the tag differs."""
        assert kind.tagging is not None
        member = kind.tagging.member
        as_map, as_list = {member: {"a": ""}}, {member: spelled({"a": ""}, kind.tagging.style)}
        rows = f'add *tag_rows("{member}", …) to RULES of {kind.name}, with the names of a tag\'s key and value in AWS'
        assert normalise(as_map, kind.rules)[member] == normalise(as_list, kind.rules)[member] == {"a": ""}, rows
        assert [one.path for one in differences(as_list, {}, kind.rules).fields] == [(member,)], rows


class TestUpdates:
    """Every member can be updated, or is Immutable."""

    @each(writable())
    def test_a_member_that_changes_is_a_call_or_a_replacement(self, kind: Kind, rich: Account) -> None:
        """A member that a create accepts and an update does not is Immutable, or has its own call."""
        assert kind.calls is not None
        inputs = rich.last
        found = _document(kind, rich)
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
            assert refused(calls) == [], f"botocore refuses an update of {member}: correct `calls` of {kind.name}"
            if fields and not calls and member not in INSTEAD.get(kind.name, ()):
                silent.append(member)
        assert silent == [], (
            f"an update of these members of {kind.name} sends no call: send them in `calls`, or for each of them "
            'add Immutable(path="<member>", source="<service>.<Update operation> has no <member>") to RULES'
        )

    @each(writable())
    def test_every_operation_of_a_create_and_an_update_is_declared(self, kind: Kind, rich: Account) -> None:
        """The IAM policies are derived from `writes`."""
        declared = kind.writes | (kind.tagging.operations if kind.tagging else frozenset())
        made = {call.name for call in (*rich.calls.get(kind.name, ()), *_updates(kind, rich))}
        assert made <= declared, f"add to `writes` of {kind.name}: {_as_source(made - declared)}"

    @each(writable())
    def test_every_operation_of_a_delete_is_declared(self, kind: Kind, rich: Account) -> None:
        """For the resource of rich.yaml: another resource may need more of them."""
        assert kind.calls is not None
        key, observed = _live(kind, rich)
        made = {call.name for call in kind.calls(Delete(key=key, observed=observed))}
        assert made, f"a Delete of {kind.name} results in no call: return one in `calls`"
        assert made <= kind.deletes, f"add to `deletes` of {kind.name}: {_as_source(made - kind.deletes)}"

    @each(kinds.ALL)
    def test_every_declared_operation_is_one_of_aws(self, kind: Kind) -> None:
        """A wrong name would omit a permission from the IAM policy."""
        tags = kind.tagging.operations if kind.tagging else frozenset()
        assert unknown_operations(kind.reads | kind.writes | kind.deletes | tags) == [], (
            f"botocore has no such operations: correct them in `reads`, `writes`, `deletes` or `tagging` of {kind.name}"
        )

    @each(kinds.ALL)
    def test_iam_actions_are_derived_from_the_operations(self, kind: Kind) -> None:
        """A kind without `calls` has read actions only."""
        assert kind.actions.keys() == ({"read", "write", "delete"} if kind.calls else {"read"})
        assert len(kind.actions["read"]) == len(kind.reads) > 0, (
            f"add reads=operations(<service>, <every operation that `read` and `owned` use>) to {kind.name}"
        )
        malformed = [action for actions in kind.actions.values() for action in actions if ":" not in action]
        assert malformed == [], f"write them as <service>:<Action> in `rights` of {kind.name}"


def _as_source(operations: Collection[str]) -> str:
    """Return operations as the text of `writes` and `deletes`: `operations("ecs", "UpdateService")`."""
    services: dict[str, list[str]] = {}
    for service, name in (operation.split(".") for operation in sorted(operations)):
        services.setdefault(service, []).append(f'"{name}"')
    return " | ".join(f'operations("{service}", {", ".join(names)})' for service, names in services.items())


def _lacking(kind: Kind) -> str:
    return f"no {kind.name} was created: add one with many members to {RICH}, such as:\n{kind.example}"


def _document(kind: Kind, rich: Account) -> Desired:
    """Return a document of a kind in rich.yaml."""
    found = next((one for one in rich.last.application.resources if one.key.kind == kind.name), None)
    assert found is not None, _lacking(kind)
    return found


def _live(kind: Kind, rich: Account) -> tuple[Key, Present]:
    found = _document(kind, rich)
    observed = rich.world[found.key]
    assert isinstance(observed, Present), observed
    return found.key, observed


def _updates(kind: Kind, rich: Account) -> Iterator[Call]:
    """Yield the calls of an update of each single member."""
    assert kind.calls is not None
    scene = rich.last
    found = _document(kind, rich)
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
    """Return the members with an Immutable row, and the tags, which have their own calls."""
    immutable = {rule.segments[0] for rule in kind.rules if isinstance(rule, Immutable)}
    return immutable | ({kind.tagging.member} if kind.tagging else set())


@pytest.fixture(scope="module")
def examples() -> Loaded:
    """The examples of every kind as one application, loaded with the real kinds and shapes."""
    text = "".join(textwrap.indent(kind.example.strip("\n") + "\n", "  ") for kind in kinds.ALL if kind.example)
    snapshot = Snapshot(revision="test", files={"all.yaml": f"apiVersion: ecsync/v1\nresources:\n{text}".encode()})
    return load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name="shop")


class TestDocumentation:
    """The documentation of a kind."""

    @each(kinds.ALL)
    def test_a_kind_has_an_example(self, kind: Kind) -> None:
        """A user copies it; `ecsync explain` prints it."""
        head = kind.example.strip().partition("/")[0]
        assert head == kind.name, (
            f'{kind.name} has no example: add example="\\n{kind.name}/web:\\n  <its most common members>\\n" to KIND'
        )

    def test_the_examples_are_valid_together(self, examples: Loaded) -> None:
        """They refer to each other, as the documents of an application do."""
        assert [str(problem) for problem in examples.problems] == []
        (application,) = examples.applications
        assert {desired.key.kind for desired in application.resources} == kinds.BY_NAME.keys()

    @each(kinds.ALL)
    def test_the_readme_names_the_kind(self, kind: Kind) -> None:
        """In the sentence `Kinds: …`."""
        listed = README.read_text(encoding="utf-8").partition("Kinds: ")[2].partition(". ")[0]
        names = re.split(r"[,\s]+", listed)
        assert kind.name in names, f"README.md does not name the kind: add {kind.name} to its list `Kinds: …`"

    @each(kinds.ALL)
    def test_every_output_of_the_kind_has_a_text(self, kind: Kind) -> None:
        """What it is for; `ecsync explain KIND` prints it."""
        assert kind.primary in kind.outputs
        assert [output for output, text in kind.outputs.items() if not text] == [], "add a text to kinds/_outputs.py"
        assert {*kind.list_outputs, *kind.derived, *kind.asked} <= kind.outputs.keys()
        assert {one.operation for one in kind.asked.values()} <= kind.reads

    @pytest.mark.parametrize("folder", sorted(path.name for path in MANIFESTS.iterdir() if path.is_dir()))
    def test_the_shipped_manifests_are_valid(self, folder: str) -> None:
        """Loaded with the real kinds and shapes."""
        paths = sorted((MANIFESTS / folder).rglob("*.yaml"))
        files = {path.relative_to(MANIFESTS / folder).as_posix(): path.read_bytes() for path in paths}
        snapshot = Snapshot(revision="test", files=files)
        loaded = load(snapshot, kinds=kinds.BY_NAME, shape_of=shapes.load, environment={}, root_name=folder)
        assert [str(problem) for problem in loaded.problems] == []


class TestReferences:
    """Members that hold the name or ARN of a resource of another kind."""

    @each([kind for kind in kinds.ALL if kind.referred_by])
    def test_every_path_in_referred_by_exists(self, kind: Kind) -> None:
        """`referred_by` lists other kinds, and paths of their bodies."""
        for other, paths in kind.referred_by.items():
            assert other in kinds.BY_NAME, f"{other} is not a kind: correct `referred_by` of {kind.name}"
            for path in paths:
                assert exists(body_shape(kinds.BY_NAME[other]), pattern(path)), (
                    f"{other} has no member {path}: correct `referred_by` of {kind.name}"
                )

    @each(SHAPED)
    def test_a_member_with_the_name_of_a_kind_refers_to_it(self, kind: Kind) -> None:
        """`taskDefinition`, `clusterArn`, `alarmNames`: otherwise a literal name would not order the steps."""
        rows = {(rule.segments, rule.kind) for rule in kind.rules if isinstance(rule, Refers)}
        missing = [
            f'{path} of {kind.name} looks like a reference to {other}: add Refers(path="{path}", kind="{other}") to '
            f'its RULES, or "{kind.name}": ("{path}",) to `referred_by` of {other}; if it is not a reference, '
            f'add ("{kind.name}", "{path}"): "<the reason>" to NO_REFERENCE of this file'
            for path, other in members_named_after_kinds(body_shape(kind))
            if (pattern(path), other) not in rows and (kind.name, path) not in NO_REFERENCE and path != kind.name_member
        ]
        assert missing == []

    @each(kinds.ALL)
    def test_a_kind_that_others_refer_to_is_imported_with_them(self, kind: Kind) -> None:
        """Else an import leaves its name or ARN in the other document as a literal."""
        referring = {
            one.name for one in kinds.ALL for rule in one.rules if isinstance(rule, Refers) and rule.kind == kind.name
        }
        if referring and kind.name not in NOT_IMPORTED_BY_REFERENCE:
            assert kind.from_reference is not None, (
                f"{kind.name} lacks `from_reference`; its name stands in {', '.join(sorted(referring))}: add "
                'from_reference=lambda name: {"<the member of the name>": name} to its KIND; if an import finds it in '
                f'another way, add "{kind.name}": "<the reason>" to NOT_IMPORTED_BY_REFERENCE of this file'
            )


def test_every_kind_file_is_loaded() -> None:
    """A file that is not listed is without effect."""
    root = Path(kinds.__file__).parent
    files = {path.relative_to(root) for path in root.glob("*/*.py") if not path.name.startswith("_")}
    modules = {f"{path.parent}.{path.stem}" for path in files}
    missing = modules - {*kinds.MODULES}
    assert not missing, f"add to MODULES in kinds/__init__.py, after the kinds that they depend on: {sorted(missing)}"


@pytest.mark.parametrize("kind", SHAPED, ids=lambda kind: kind.name)
def test_a_computed_member_that_left_the_document_goes_back_or_is_documented_to_stay(kind: Kind) -> None:
    """AWS keeps it: without a row, the way to a manifest decides its end."""
    of_clients = {kind.tagging.member} if kind.tagging else set()
    back = {row.path for row in kind.rules if isinstance(row, (Released, Reverts))}
    computed = {row.path for row in kind.rules if isinstance(row, Computed) and len(row.segments) == 1}
    table = MANUAL.read_text().split("## Fields that stay")[1].split("\n## ")[0].splitlines()
    of_kind = (line.split("|")[1] for line in table if line.startswith(f"| {kind.name}: "))
    documented = {name for cell in of_kind for name in cell.split("`")[1::2]}
    missing = computed - of_clients - back - documented
    assert not missing, f"{kind.name}: add a Reverts row for {missing}, or name it in docs/manifests.md"
    assert not documented & back
