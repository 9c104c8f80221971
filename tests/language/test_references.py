"""The grammar of references, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.core.model import Key, Origin, Ref, Text
from ecsync.core.resolve import resolve
from ecsync.language.nodes import plain, to_nodes
from ecsync.language.references import BadReference, Scope, fill_values, read, substitute
from tests.language.sample_kinds import KINDS

SCOPE = Scope(
    application="shop",
    kinds=KINDS,
    declared={
        "shop": frozenset({("Cluster", "main"), ("Service", "a.b"), ("Network", "net"), ("Service", "api.arn")}),
        "platform": frozenset({("Cluster", "main")}),
    },
    variables={
        "env": "prod",
        "count": 3,
        "ratio": 0.5,
        "on": True,
        "zones": ["a", "b"],
        "map": {"k": "v"},
        "odd": "${Cluster/main}",
    },
    images={"api": "registry/api:1"},
    environment={"STAGE": "blue"},
    composites=frozenset({"WebService"}),
)


def ref(kind: str, name: str, output: str, application: str = "shop") -> Ref:
    """Return a reference."""
    return Ref(Key(application=application, kind=kind, name=name), output)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${Cluster/main}", Text((ref("Cluster", "main", "name"),))),
        ("${Cluster/main.arn}", Text((ref("Cluster", "main", "arn"),))),
        ("x-${Cluster/main}-y", Text(("x-", ref("Cluster", "main", "name"), "-y"))),
        ("${app:platform/Cluster/main.arn}", Text((ref("Cluster", "main", "arn", "platform"),))),
        ("${Service/a.b}", Text((ref("Service", "a.b", "name"),))),
        ("${Service/a.b.arn}", Text((ref("Service", "a.b", "arn"),))),
        ("${Service/api.arn}", Text((ref("Service", "api.arn", "name"),))),
        ("${var:env}", "prod"), ("${var:count}", 3), ("${var:zones}", ["a", "b"]), ("${var:map}", {"k": "v"}),
        ("n=${var:count} ${var:on} ${var:ratio} ${var:zones}", "n=3 true 0.5 a,b"),
        ("${image:api}@x", "registry/api:1@x"), ("${env:STAGE}", "blue"),
        ("${var:odd}", "${Cluster/main}"), ("x ${var:odd}", "x ${Cluster/main}"),
        ("$${var:env}", "${var:env}"), ("$${Cluster/main}", "${Cluster/main}"), ("$$${var:env}", "$${var:env}"),
    ],
)  # fmt: skip
def test_a_reference_is_resolved(text: str, value: Any) -> None:
    """A variable alone keeps its type, a value is not resolved again, and `$${` is a literal."""
    assert read(text, SCOPE) == value


@pytest.mark.parametrize(
    "text",
    ["${HOME}", "${HOME/a/b}", "${lower/x}", "${var:-default}", "${env:?gone}", "$(date)", "$HOME", "${}", "${", "$",
     "${PATH%:*}", "${x:0:3}", "#{host}", "${app:-x}", "${ssm}", "{name}"],
)  # fmt: skip
def test_text_without_a_reference_is_not_changed(text: str) -> None:
    """Shell snippets stay unchanged."""
    assert read(text, SCOPE) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${Clutser/main}", 'unknown kind "Clutser"; did you mean "Cluster"? (for literal text, write $${)'),
        ("${Cluster/mian}", 'Cluster/mian is not declared; did you mean "Cluster/main"?'),
        ("${Cluster/main.id}", 'Cluster/main has no output "id"; its outputs are name, arn'),
        ("${app:other/Cluster/main}", 'unknown application "other"; valid: platform, shop'),
        (
            "${Cluster/a/b}",
            '"${Cluster/a/b}" is not a reference: write ${Kind/name} or ${Kind/name.output}, and $${ for a literal ${',
        ),
        ("${Cluster/main", 'the reference "${Cluster/main" has no closing brace; add the }'),
        ("${Cluster/\n}", 'the reference "${Cluster/" has no closing brace; add the }'),
        ("${var:envv}", 'variable "envv" is not set; did you mean "env"?'),
        ("${image:web}", 'image "web" is not set; add it to images of the Application'),
        ("${env:NOPE}", "${env:NOPE} is not set; set ECSYNC_VAR_NOPE in the environment of the controller"),
        (
            "x ${var:map}",
            "a variable that is a map, a list or null cannot be part of a longer text; use it as the whole value",
        ),
        ("${WebService/a}", "WebService/a expands to several resources; refer to one of them, such as ${Service/a}"),
    ],
)
def test_the_message_about_a_wrong_reference_contains_the_fix(text: str, message: str) -> None:
    """It also contains the nearest name."""
    with pytest.raises(BadReference) as wrong:
        read(text, SCOPE)
    assert str(wrong.value) == message


def test_the_elements_of_a_list_variable_are_inserted_into_a_list() -> None:
    """The variable must be an element of that list."""
    node, problems = substitute(to_nodes({"a": ["x", "${var:zones}", "${var:count}"]}, Origin("f")), SCOPE)
    assert plain(node) == {"a": ["x", "a", "b", 3]}
    assert problems == ()


def test_fill_values_keeps_references_to_resources_and_escapes_values() -> None:
    """Composites receive values and unresolved references. The second call gives the same result as one call."""
    written = to_nodes({"a": "${var:odd} ${Cluster/main} $${x}", "b": "${var:odd}"}, Origin("f"))
    first, problems = fill_values(written, SCOPE)
    assert problems == ()
    assert plain(first) == {"a": "$${Cluster/main} ${Cluster/main} $${x}", "b": "$${Cluster/main}"}
    assert plain(substitute(first, SCOPE)[0]) == plain(substitute(written, SCOPE)[0])


VALUES: Mapping[Ref, str | tuple[str, ...]] = {
    ref("Cluster", "main", "name"): "c",
    ref("Network", "net", "subnetIds"): ("s-1", "s-2"),
}
SUBNETS = ref("Network", "net", "subnetIds")
UNKNOWN = ref("Service", "api", "arn")


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        (Text((SUBNETS,)), ["s-1", "s-2"]),
        (["x", Text((SUBNETS,))], ["x", "s-1", "s-2"]),
        ([Text((UNKNOWN,)), Text((SUBNETS,))], [Text((UNKNOWN,)), "s-1", "s-2"]),
        (Text(("in ", SUBNETS)), "in s-1,s-2"),
        (Text((ref("Cluster", "main", "name"),)), "c"),
        (Text((ref("Cluster", "main", "name"), "/", UNKNOWN)), Text(("c/", UNKNOWN))),
        (Text((UNKNOWN,)), Text((UNKNOWN,))),
        ({"a": [{"b": Text(("x", ref("Cluster", "main", "name")))}]}, {"a": [{"b": "xc"}]}),
        (3, 3),
    ],
)
def test_references_with_a_value_are_replaced_and_others_stay(value: Any, resolved: Any) -> None:
    """A reference without a value stays a Text."""
    assert resolve({"x": value}, VALUES.get) == {"x": resolved}


def test_a_list_is_joined_where_aws_requires_one_text() -> None:
    """A list becomes one text at a CommaList path only."""
    body = {"zones": Text((SUBNETS,)), "other": Text((SUBNETS,))}
    assert resolve(body, VALUES.get, ["zones"]) == {"zones": "s-1,s-2", "other": ["s-1", "s-2"]}
    assert resolve(body, VALUES.get, [("zones",)])["zones"] == "s-1,s-2"
