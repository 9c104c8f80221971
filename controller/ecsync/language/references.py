"""References in manifests: `${Kind/name.output}`, `${app:…}`, `${var:…}`, `${image:…}`, `${env:…}` (rule 28).

Only text inside a `spec` is read for them, and what they stand for is never read again. What looks like nothing of
ours is literal, so that shell snippets survive; `$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ecsync.core.kind import Kind
from ecsync.core.model import Key, Problem, Ref, Text
from ecsync.core.resolve import joined
from ecsync.core.trees import Json, transform
from ecsync.core.wording import MOST_OPTIONS, MOST_PROBLEMS, nearest, quoted, suggestion
from ecsync.language.nodes import Node, WrittenFloat, to_nodes

# A word in capitals alone before a slash is a shell's (`${HOME/a/b}`); no kind is written so. After `var:` and its
# like comes a name: `${var:-default}` is a shell's too.
_OPEN = re.compile(r"\$\$\{|\$\{(?=(?:var|image|env|app):[A-Za-z0-9_]|ssm:/|[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*/)")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_RESOURCE = re.compile(
    rf"(?:app:(?P<app>{_NAME})/)?(?P<kind>[A-Za-z0-9]+)/(?P<rest>[A-Za-z0-9][A-Za-z0-9_.-]{{0,127}})"
)
_VALUE = re.compile(r"(?P<source>var|image|env):(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})")

Declared = Mapping[str, frozenset[tuple[str, str]]]  # application -> (kind, name) of its documents


class BadReference(Exception):
    """A reference that cannot be read; its text is the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a reference in one application may mean."""

    application: str
    kinds: Mapping[str, Kind]
    declared: Declared = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)
    images: Mapping[str, Json] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # without the prefix ECSYNC_VAR_
    composites: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()  # applications with files that could not be read: anything may be there


def holds_reference(text: str) -> bool:
    """Tell whether the text has anything in it that is ours to read."""
    return "${" in text and _OPEN.search(text) is not None


def substitute(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with every value put in and every reference as `Text`, and what is wrong with them."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: read(text, scope), problems), tuple(problems)


def fill_values(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with `${var:}`, `${image:}` and `${env:}` put in and other references as they were written."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: read(text, scope, resources=False), problems), tuple(problems)


def fill_environment(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with `${env:}` put in; any other reference is a problem."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: _read_environment(text, scope), problems), tuple(problems)


def _read_environment(text: str, scope: Scope) -> Json:
    for opened in _OPEN.finditer(text):
        if opened[0] != "$${" and not text.startswith("env:", opened.end()):
            raise BadReference(f"{quoted(text)}: an Application document can refer to ${{env:NAME}} only")
    return read(text, scope)


def _substitute(node: Node, reader: Callable[[str], Json], problems: list[Problem]) -> Node:
    value = node.value
    if isinstance(value, dict):
        for key, below in value.items():
            if holds_reference(key):
                message = (
                    f"a key cannot be a reference: {quoted(key)}; references stand in values, $${{ is a literal ${{"
                )
                problems.append(Problem(below.origin, message))
        return Node({key: _substitute(below, reader, problems) for key, below in value.items()}, node.origin)
    if isinstance(value, list):
        elements: list[Node] = []
        for below in value:
            done = _substitute(below, reader, problems)
            spliced = isinstance(below.value, str) and isinstance(done.value, list)
            elements += done.value if spliced else [done]
        return Node(elements, node.origin)
    if not isinstance(value, str) or "${" not in value or len(problems) >= MOST_PROBLEMS:
        return node
    try:
        return to_nodes(reader(value), node.origin)
    except BadReference as wrong:
        problems.append(Problem(node.origin, str(wrong)))
        return node


def read(text: str, scope: Scope, *, resources: bool = True) -> Json:
    """Return what the text stands for: text, a `Text`, or the value of the variable that it is alone; raises BadReference.

    Without `resources`, references to them (and `$${`) are left as written, for a second reading.
    """
    parts: list[Json] = []
    position = 0
    for opened in _OPEN.finditer(text):
        if opened.start() < position:
            continue
        parts.append(text[position : opened.start()])
        position = opened.end()
        if opened[0] == "$${":
            parts.append("${" if resources else "$${")
            continue
        end = text.find("}", position)
        if end < 0 or "\n" in text[position:end]:
            raise BadReference(f"the reference {quoted(text[opened.start() :].splitlines()[0])} has no closing brace")
        part = _part(text[position:end], scope, resources)
        parts.append(part)
        position = end + 1
    parts.append(text[position:])
    parts = [part for part in parts if part != ""] or [""]
    if len(parts) == 1:
        return Text((parts[0],)) if isinstance(parts[0], Ref) else parts[0]
    return joined([_inline(part) for part in parts])


def _inline(part: Json) -> str | Ref:
    """Return a value as it stands inside a longer text."""
    if isinstance(part, (str, Ref)):
        return part
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, (int, float)):
        return part.text if isinstance(part, WrittenFloat) else str(part)
    if isinstance(part, list) and all(isinstance(element, str) for element in part):
        return ",".join(part)
    raise BadReference("a variable that is a map, a list or null cannot stand inside a longer text")


def _part(body: str, scope: Scope, resources: bool) -> Json:
    if body.startswith("ssm:"):
        instead = "use the container's secrets, vars of the Application, or ${env:NAME}"
        raise BadReference(f"{quoted('${' + body + '}')} is not supported yet; {instead}")
    value = _VALUE.fullmatch(body)
    if value is not None:
        found = _value(value["source"], value["name"], scope)
        # What a variable holds is never read as a reference, not even by the second reading.
        return found if resources else transform(found, _escaped)
    resource = _RESOURCE.fullmatch(body)
    if resource is None:
        form = "write ${Kind/name} or ${Kind/name.output}, and $${ for a literal ${"
        raise BadReference(f"{quoted('${' + body + '}')} is not a reference: {form}")
    if not resources:
        return "${" + body + "}"
    return _ref(resource["app"] or scope.application, resource["kind"], resource["rest"], scope)


def _escaped(leaf: Json) -> Json:
    return leaf.replace("${", "$${") if isinstance(leaf, str) else leaf


def _value(source: str, name: str, scope: Scope) -> Json:
    if source == "env":
        if name not in scope.environment:
            raise BadReference(f"${{env:{name}}}: ECSYNC_VAR_{name} is not set in the environment of the controller")
        return scope.environment[name]
    known, field_name = (scope.variables, "vars") if source == "var" else (scope.images, "images")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {quoted(close)}?" if close else f"add it to {field_name} of the Application"
        raise BadReference(f"{'variable' if source == 'var' else 'image'} {quoted(name)} is not set; {hint}")
    return known[name]


def _ref(application: str, kind: str, rest: str, scope: Scope) -> Ref:
    """Return the reference; a name may have dots in it, so what is declared decides where the output begins."""
    if kind in scope.composites:
        raise BadReference(
            f"{kind}/{rest} stands for several resources; refer to one of them, such as ${{Service/{rest}}}"
        )
    if kind not in scope.kinds:
        raise BadReference(f"unknown kind {quoted(kind)}{suggestion(kind, scope.kinds)} (for literal text write $${{)")
    if application not in scope.declared:
        raise BadReference(f"unknown application {quoted(application)}{suggestion(application, scope.declared)}")
    the_kind = scope.kinds[kind]
    here = scope.declared[application]
    name, _, output = rest.rpartition(".")
    if (kind, rest) in here:
        return Ref(Key(application=application, kind=kind, name=rest), the_kind.primary)
    if (kind, name) in here and output not in the_kind.outputs:
        raise BadReference(
            f"{kind}/{name} has no output {quoted(output)}; its outputs are {', '.join(the_kind.outputs)}"
        )
    if output not in the_kind.outputs:
        name, output = rest, the_kind.primary
    if (kind, name) not in here and application not in scope.incomplete:
        raise BadReference(_unknown(application, kind, name, scope))
    return Ref(Key(application=application, kind=kind, name=name), output)


def _unknown(application: str, kind: str, name: str, scope: Scope) -> str:
    if len(scope.declared[application]) > MOST_OPTIONS:
        return f"{kind}/{name} is not declared"
    declared = [f"{a_kind}/{a_name}" for a_kind, a_name in scope.declared[application]]
    of_kind = [known for known in declared if known.startswith(f"{kind}/")]
    close = nearest(f"{kind}/{name}", of_kind) or nearest(f"{kind}/{name}", declared)
    where = "" if application == scope.application else f" in application {quoted(application)}"
    return f"{kind}/{name} is not declared{where}" + (f"; did you mean {quoted(close)}?" if close else "")
