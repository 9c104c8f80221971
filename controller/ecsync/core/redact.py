"""Redaction: a sensitive value becomes a fingerprint in everything that people or programs see."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from ecsync.core.model import Text
from ecsync.core.normalise import table_of
from ecsync.core.rules import Keyed, Rules
from ecsync.core.trees import Json, Path, canonical, leads_to, leaves, thaw

# The key is random per process: a fingerprint shows that a value changed, and cannot be checked against a guess.
_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A sensitive value as people see it: a fingerprint, with a key that only this process has."""

    fingerprint: str

    def __str__(self) -> str:
        return f"(sensitive) #{self.fingerprint}" if self.fingerprint else "(sensitive)"


def fingerprint(value: Json) -> Redacted:
    """Return the fingerprint of a sensitive value."""
    return Redacted(hmac.new(_KEY, canonical(value).encode(), sha256).hexdigest()[:4])


def masked(value: Json, path: Path, rules: Rules) -> Json:
    """Return the value at a path of a canonical body, redacted."""
    sensitive = table_of(rules).sensitive
    if not sensitive or value is None or isinstance(value, (Redacted, Text)):
        return value
    if any(rule.covers(path) for rule in sensitive):
        return fingerprint(value)
    # The path may be above sensitive places: a whole container that was added, for example.
    below = [
        replace(rule, path=".".join(rule.segments[len(path) :])) for rule in sensitive if leads_to(path, rule.segments)
    ]
    if not below or not isinstance(value, (Mapping, list, tuple)):
        return value
    copy = thaw(value)
    for rule in below:
        for container, key, _ in list(rule.places(copy)):
            container[key] = fingerprint(container[key])
    return copy


def params(call_params: Json, rules: Rules) -> Json:
    """Return the parameters of a call, redacted. Of an element that is a name and a value, only the value is."""
    copy = thaw(call_params)
    for container, key in list(_places(copy, rules)):
        container[key] = fingerprint(container[key])
    return copy


def secrets_in(call_params: Json, rules: Rules) -> set[str]:
    """Return the texts at the sensitive places of the parameters of a call."""
    return {
        text
        for container, key in _places(call_params, rules)
        for _, text in leaves(container[key])
        if isinstance(text, str)
    }


def _places(call_params: Json, rules: Rules) -> Iterator[tuple[Any, str | int]]:
    """Yield (container, key) for every sensitive place of the parameters."""
    pairs = {rule.segments: rule.value for rule in rules if isinstance(rule, Keyed) and rule.value}
    for rule in table_of(rules).sensitive:
        member = pairs.get(rule.segments[:-1], "")
        for container, key, _ in rule.places(call_params):
            if member and isinstance(container[key], Mapping):
                if member in container[key]:
                    yield container[key], member
            else:
                yield container, key
