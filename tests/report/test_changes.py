"""A change is one line, or one for each member that differs: the same from a plan, an event, and the HTTP API."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecsync.core.diff import readable
from ecsync.core.model import Effect, FieldChange, Key, Ref, Text
from ecsync.core.redact import Redacted
from ecsync.core.trees import Elements, Name, dotted, plain, pointer, same
from ecsync.report.changes import EFFECTS, WIDTH, change_lines, from_json
from ecsync.report.drift import GONE

ARN = Text((Ref(Key(application="shop", kind="TargetGroup", name="web"), "arn"),))


def change(before: Any, after: Any, path: tuple[str | int, ...] = ("cpu",), **fields: Any) -> FieldChange:
    """Return a change."""
    return FieldChange(path=path, before=before, after=after, **fields)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (change("256", "512"), 'cpu: "256" → "512" [drift]'),
        (change(None, 5, reason="pending"), "cpu: (not set) → 5 [pending]"),
        (change(5, None, reason="lookup"), "cpu: 5 → (not set) [lookup]"),
        (change(1, 2, effect="replace"), "cpu: 1 → 2 [drift] (replaces the resource)"),
        (change(1, 2, ("containerDefinitions", "web", "port", 0)), "containerDefinitions.web.port[0]: 1 → 2 [drift]"),
        (change({"a": True}, []), 'cpu: {"a": true} → [] [drift]'),
        (change(Redacted("a1"), Redacted("")), "cpu: (sensitive) #a1 → (sensitive) [drift]"),
        (change(None, ARN), "cpu: (not set) → (known after apply: ${TargetGroup/web.arn}) [drift]"),
        (change("\x1b[31m\n", "x" * 200), 'cpu: "\\u001b[31m\\n" → "' + "x" * 98 + "… [drift]"),
        (change("x" * 200 + "a", "x" * 200 + "b"), f'cpu: …{"x" * 97}a" → …{"x" * 97}b" [drift]'),
        (change("x" * 200, "x" * 50 + "b" * 150), f"cpu: …{'x' * 98}… → …{'x' * 20}{'b' * 78}… [drift]"),
        (GONE, "(resource): missing → declared [drift]"),
    ],
)
def test_a_change_is_one_line(changed: FieldChange, line: str) -> None:
    """Path, value before, value after, reason, effect; never a control character."""
    assert change_lines(changed) == [line]
    assert change_lines(changed, "api.yaml:4") == [f"{line} api.yaml:4"]


def groups(blue: int, green: int) -> list[Any]:
    """Return the actions of a rule that forwards to two target groups with these weights, in canonical form."""
    weights = Elements(
        (f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/1", {"Weight": weight})
        for name, weight in (("blue", blue), ("green", green))
    )
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}]


def test_a_value_too_long_for_a_line_is_printed_by_the_members_that_differ() -> None:
    """One line for each member: what differs is never behind the end of a line."""
    group = "Actions[0].ForwardConfig.TargetGroups"
    assert change_lines(change(groups(0, 100), groups(100, 0), ("Actions",)), "a.yaml:3") == [
        f"{group}[blue].Weight: 0 → 100 [drift] a.yaml:3",
        f"{group}[green].Weight: 100 → 0 [drift] a.yaml:3",
    ]


def test_the_elements_of_a_long_list_are_paired_around_the_equal_ones() -> None:
    """One that came or went is a line of its own, and those behind it are not repeated."""
    ports = [{"containerPort": port, "name": "a long name"} for port in range(8000, 8010)]
    assert change_lines(change(ports, [*ports[:3], *ports[4:]], ("ports",))) == [
        'ports[3]: {"containerPort": 8003, "name": "a long name"} → (not set) [drift]'
    ]
    assert change_lines(change(ports, [*ports[:3], {**ports[3], "name": "b"}, *ports[4:], {"b": 1}], ("ports",))) == [
        'ports[3].name: "a long name" → "b" [drift]',
        'ports[10]: (not set) → {"b": 1} [drift]',
    ]


SIDECAR = {"name": "sidecar", "image": "busybox", "healthCheck": {"interval": 5}}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        pytest.param(
            [change([{"containerName": "web", "port": 8080}], [{"containerName": "web", "port": 80}])],
            ["cpu[web].port: 8080 → 80 [drift]"],
            id="an element of a list without a key has the name that people know",
        ),
        pytest.param(
            [
                change({"containerName": "web", "containerPort": 80}, None, ("loadBalancers", Name("80"))),
                change(None, {"containerName": "web", "containerPort": 8080}, ("loadBalancers", Name("8080"))),
            ],
            ["loadBalancers[web].containerPort: 80 → 8080 [drift]"],
            id="an element with another key is one change",
        ),
        pytest.param(
            [change(None, SIDECAR, ("containerDefinitions", Name("sidecar")))],
            [
                'containerDefinitions[sidecar].healthCheck: (not set) → {"interval": 5} [drift]',
                'containerDefinitions[sidecar].image: (not set) → "busybox" [drift]',
                'containerDefinitions[sidecar].name: (not set) → "sidecar" [drift]',
            ],
            id="a block with blocks in it is printed by its members",
        ),
        pytest.param(
            [change(["a", "b"], ["a", "c"])], ['cpu: ["a", "b"] → ["a", "c"] [drift]'], id="a short list is one value"
        ),
        pytest.param(
            [change([{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}])],
            ['cpu: ["a", "b"] → ["b", "a"] [drift]'],
            id="another order is printed by the names",
        ),
    ],
)
def test_a_difference_is_read_by_its_leaves(changes: list[FieldChange], lines: list[str]) -> None:
    """One line for each member that differs, elements by their names; never a block beside a block."""
    assert [line for one in readable(changes) for line in change_lines(one)] == lines


def _json(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    texts = st.text("ab", max_size=3)
    return st.recursive(leaves, lambda below: st.lists(below) | st.dictionaries(texts, below), max_leaves=12)


@given(*[_json(st.integers(0, 1) | st.text("ab", max_size=250))] * 2, st.integers(0, 300))
def test_both_sides_of_a_line_are_different(before: Any, after: Any, common: int) -> None:
    """Whatever a value is, and however late it differs: each line shows a difference, and none is too long."""
    assume(not same(before, after))
    for one, other in ((before, after), ("a" * common + str(before), "a" * common + str(after) + "c")):
        lines = change_lines(change(one, other))
        assert lines
        for line in lines:
            left, right = line.partition(": ")[2].removesuffix(" [drift]").split(" → ")
            assert left != right
            assert max(len(left), len(right)) <= WIDTH


def test_the_reason_is_left_out_where_it_is_not_known() -> None:
    """Two files have no history; a note is printed with the effect."""
    assert change_lines(change(1, 2), "a.yaml:1", tag=False) == ["cpu: 1 → 2 a.yaml:1"]
    assert change_lines(change(1, 2, effect="revise"), tag=False, note="held") == ["cpu: 1 → 2 (held; new revision)"]


def test_every_effect_has_a_text() -> None:
    """Only a change in place has none to print."""
    assert set(EFFECTS) == set(get_args(Effect))
    assert [effect for effect, text in EFFECTS.items() if not text] == ["in-place"]


@pytest.mark.parametrize(
    "changed",
    [
        change("256", None, effect="rolls-tasks", reason="pending"),
        change(Redacted("a1"), Redacted(""), ("a/b", "c~d", 0)),
        change(1, 2, ("containerDefinitions", Name("web"), "environment", Name("a.b"), "name")),
        GONE,
    ],
)
def test_the_line_of_the_api_is_the_line_of_the_engine(changed: FieldChange) -> None:
    """The JSON of a change has all that the line needs; a redacted value stays unquoted."""
    field = {
        "path": pointer(changed.path),
        "shown": dotted(changed.path),
        "before": plain(changed.before),
        "after": plain(changed.after),
        "effect": changed.effect,
        "reason": changed.reason,
    }
    assert change_lines(from_json(json.loads(json.dumps(field)))) == change_lines(changed)


_NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}, optional={"port": st.integers(0, 2), "on": st.booleans()}),
    max_size=4,
)
_LISTS = st.none() | _NAMED | st.dictionaries(st.sampled_from(("x", "y.z")), _NAMED, max_size=2).map(Elements)


@given(_LISTS, _LISTS)
def test_the_leaves_of_a_change_state_all_of_it_and_survive_the_api(before: Any, after: Any) -> None:
    """Each leaf differs, no place is stated twice, and a line made from the JSON of the API is the same."""
    assume(not same(before, after))
    leaves = list(readable([change(before, after)], 0))
    assert leaves
    assert all(not same(one.before, one.after) for one in leaves)
    places = [dotted(one.path) for one in leaves]
    assert len(set(places)) == len(places)
    for one in leaves:
        field = {"path": pointer(one.path), "shown": dotted(one.path), "before": plain(one.before)}
        again = from_json({**field, "after": plain(one.after), "effect": one.effect, "reason": one.reason})
        assert change_lines(again) == change_lines(one)
