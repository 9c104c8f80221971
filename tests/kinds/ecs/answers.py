"""Helpers that the tests of the ECS kinds share: ARNs, references, and the equivalence cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ecsync.awsmodel.shapes import at_path, load
from ecsync.core.diff import differences
from ecsync.core.kind import Kind
from ecsync.core.model import Key, Present, Ref, Text
from ecsync.core.normalise import normalise
from ecsync.core.trees import leaves, thaw
from ecsync.language.check import check
from tests.kinds.infra import Answers, Case, compare

ACCOUNT = "111111111111"
LiveOf = Callable[[Mapping[str, Any], Mapping[str, Any], Case], Present]


def arn(what: str, service: str = "ecs") -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{what}"


def ref(kind: str, name: str, output: str) -> Text:
    return Text((Ref(Key(application="shop", kind=kind, name=name), output),))


class Reader(Answers):
    """Answers of ECS: the parameter `service` of a call is renamed, because `call` has one of that name."""

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        renamed = {"serviceName" if name == "service" else name: value for name, value in params.items()}
        return super().call(service, operation, **renamed)


# ---------------------------------------------------------------- equivalence cases


def checked(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the desired side in AWS's types, as the core checks it."""
    assert kind.shape is not None
    printed = at_path(kind.shape.describe, side="output")
    found = check(body, load(kind.shape), name=kind.name, rules=kind.rules, describe=printed, tags="tags")
    return dict(found.body)


def equivalent(kind: Kind, live_of: LiveOf, case: Case) -> bool:
    declared = checked(kind, case["desired"])
    return not compare(kind, declared, live_of(case["live"], declared, case)).fields


def unseen(kind: Kind, live_of: LiveOf, case: Case) -> set[str]:
    """Change each leaf of the live side; return the places with a change that is no difference."""
    declared = checked(kind, case["desired"])
    return {
        place
        for place, live in _mutations(case["live"])
        if not compare(kind, declared, live_of(live, declared, case)).fields
    }


def _mutations(live: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, leaf in leaves(live):
        if leaf in ([], {}, None):
            continue
        changed = thaw(live)
        container = changed
        for part in path[:-1]:
            container = container[part]
        container[path[-1]] = not leaf if isinstance(leaf, bool) else leaf + 1 if isinstance(leaf, int) else f"{leaf}9"
        yield ".".join("[]" if isinstance(part, int) else part for part in path), changed


def settled(kind: Kind, live_of: LiveOf, case: Case) -> bool:
    """Return whether normalising twice changes neither side, and neither side differs from itself."""
    declared = checked(kind, case["desired"])
    both = (declared, live_of(case["live"], declared, case).body)
    once = [normalise(body, kind.rules) for body in both]
    again = [normalise(body, kind.rules) for body in once]
    return once == again and not any(differences(body, body, kind.rules).fields for body in both)
