"""Sensitive values are redacted: in differences, in calls, and in containers of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecsync.core.diff import differences
from ecsync.core.model import Key, Ref, Text
from ecsync.core.normalise import normalise
from ecsync.core.redact import Redacted, fingerprint, masked, params
from ecsync.core.rules import Keyed, Rules, Sensitive
from ecsync.kinds import BY_NAME

CANARY = "hunter2-canary"
RULES: Rules = (
    Keyed(path="containers", key=("name",)),
    Keyed(path="containers[].environment", key=("name",), value="value"),
    Sensitive(path="containers[].environment[]"),
    Sensitive(path="password"),
    Sensitive(path="options.*"),
)
REFERENCE = Text((Ref(Key(application="s", kind="Role", name="r"), "arn"),))


def text(value: Any) -> str:
    """Return everything that printing or serialising a value would show."""
    return repr(value) + str(value) + json.dumps(value, default=str)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("password",), CANARY),
        (("password",), {"nested": [CANARY]}),
        (("options",), {"a": CANARY, "b": CANARY}),
        (("options", "a"), CANARY),
        (("containers",), {"web": {"name": "web", "environment": {"DB": CANARY}}}),
        (("containers", "web"), {"name": "web", "environment": {"DB": CANARY}}),
        (("containers", "web", "environment"), {"DB": CANARY}),
        (("containers", "web", "environment", "DB"), CANARY),
        ((), {"password": CANARY, "containers": {"web": {"environment": {"DB": CANARY}}}, "options": {"a": CANARY}}),
    ],
)
def test_a_value_is_redacted_at_above_and_below_its_place(path: Any, value: Any) -> None:
    """At whatever path the difference begins."""
    assert CANARY not in text(masked(value, path, RULES))


def test_other_values_are_shown() -> None:
    """People need to see what changes."""
    assert masked({"web": {"image": "nginx", "environment": {"DB": CANARY}}}, ("containers",), RULES)["web"][
        "image"
    ] == ("nginx")


def test_a_reference_and_none_are_not_redacted() -> None:
    """They contain no secret value."""
    assert masked(REFERENCE, ("password",), RULES) == REFERENCE
    assert masked(None, ("password",), RULES) is None


def test_redacting_does_not_change_the_value() -> None:
    """The calls still need it."""
    value = {"a": CANARY}
    masked(value, ("options",), RULES)
    assert value == {"a": CANARY}


def test_a_fingerprint_shows_that_a_value_changed() -> None:
    """Equal values have equal fingerprints; the value cannot be read from it."""
    assert fingerprint(CANARY) == fingerprint(CANARY)
    assert str(fingerprint(CANARY)).startswith("(sensitive) #")
    assert len(fingerprint(CANARY).fingerprint) == 4


def test_both_sides_of_a_difference_are_redacted() -> None:
    """Before and after may both be secrets."""
    desired = {"containers": [{"name": "web", "environment": [{"name": "DB", "value": CANARY + "1"}]}], "password": "x"}
    observed = {"containers": [{"name": "web", "environment": [{"name": "DB", "value": CANARY + "2"}]}]}
    found = differences(desired, observed, RULES)
    assert [one.path for one in found.fields] == [("containers", "web", "environment", "DB"), ("password",)]
    assert CANARY not in text(found)
    assert all(isinstance(one, Redacted) for one in (found.fields[0].before, found.fields[0].after))


def test_a_new_container_is_shown_without_its_environment() -> None:
    """The whole element is one difference, with the secret inside."""
    desired = {"containers": [{"name": "web", "image": "nginx", "environment": [{"name": "DB", "value": CANARY}]}]}
    found = differences(desired, {"containers": [{"name": "old"}]}, RULES).fields
    field = next(one for one in found if one.path == ("containers", "web"))
    assert CANARY not in text(field)
    assert field.after["image"] == "nginx"


def test_parameters_of_a_call_are_redacted() -> None:
    """Of an element that is a name and a value, the name stays."""
    sent = {
        "containers": [{"name": "web", "environment": [{"name": "DB", "value": CANARY}, {"name": "EMPTY"}]}],
        "password": CANARY,
        "options": {"a": CANARY},
    }
    shown = params(sent, RULES)
    assert CANARY not in text(shown)
    assert [one["name"] for one in shown["containers"][0]["environment"]] == ["DB", "EMPTY"]
    assert sent["password"] == CANARY


def test_the_environment_of_a_real_task_definition_is_sensitive() -> None:
    """In differences and in the call that registers it."""
    kind = BY_NAME["TaskDefinition"]
    body = {"family": "a", "containerDefinitions": [{"name": "web", "environment": [{"name": "DB", "value": CANARY}]}]}
    other = {"family": "a", "containerDefinitions": [{"name": "web", "environment": [{"name": "DB", "value": "x"}]}]}
    assert CANARY not in text(differences(body, other, kind.rules))
    assert CANARY not in text(differences(other, body, kind.rules))
    assert CANARY not in text(params(body, kind.rules))
    assert CANARY in text(normalise(body, kind.rules))
