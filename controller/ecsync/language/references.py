"""References in manifests: `${Kind/name.output}`, `${app:…}`, `${var:…}`, `${image:…}`, `${env:…}` (docs/rules.md R28).

References are resolved only in text inside a `spec`. A resolved value is never resolved again. Text in any other form
(a shell's `${HOME}`) stays unchanged, and `$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from operator import is_

from ecsync.core.kind import Kind
from ecsync.core.model import Key, Problem, Ref, Text
from ecsync.core.resolve import joined
from ecsync.core.trees import Json, transform
from ecsync.core.wording import MOST_OPTIONS, MOST_PROBLEMS, nearest, quoted, suggestion
from ecsync.language.nodes import Node, WrittenFloat, to_nodes

# A name in capitals before a slash belongs to a shell (`${HOME/a/b}`): a kind has lower-case letters too. After `var:`
# a name must follow, because `${var:-default}` also belongs to a shell.
_OPEN = re.compile(r"\$\$\{|\$\{(?=(?:var|image|env|app):[A-Za-z0-9_]|ssm:/|[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*/)")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_RESOURCE = re.compile(
    rf"(?:app:(?P<app>{_NAME})/)?(?P<kind>[A-Za-z0-9]+)/(?P<rest>[A-Za-z0-9][A-Za-z0-9_.-]{{0,127}})"
)
_VALUE = re.compile(r"(?P<source>var|image|env):(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})")

# Each form of a reference, and its value: for `ecsync explain references` and docs/reference/references.md.
FORMS: Mapping[str, str] = {
    "${Kind/name}": "the output that AWS requires in this place: the primary output of the kind, or an ARN",
    "${Kind/name.output}": "a named output: `${Network/main.publicSubnetIds}`; `ecsync explain KIND` lists them",
    "${app:NAME/Kind/name.output}": "an output of a resource of another application",
    "${var:NAME}": "a value of `vars` of the Application, or of `variables` of the operator's config",
    "${image:NAME}": "a value of `images` of the Application",
    "${env:NAME}": "the environment variable `ECSYNC_VAR_NAME` of the controller",
    "$${": "a literal `${`",
}

Declared = Mapping[str, Set[tuple[str, str]]]  # application -> (kind, name) of its documents
Asked = Key  # whether it is declared decides what a reference is


class BadReference(Exception):
    """A reference is not valid; the text of the exception is the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everything that a reference in one application can refer to."""

    application: str
    kinds: Mapping[str, Kind]
    declared: Declared = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)
    images: Mapping[str, Json] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # without the prefix ECSYNC_VAR_
    composites: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()  # applications with unreadable files, which may declare any resource
    asked: set[Asked] = field(default_factory=set, compare=False)  # what valid references have asked so far


def holds_reference(text: str) -> bool:
    """Return whether the text contains a reference, or a `$${`."""
    return "${" in text and _OPEN.search(text) is not None


def substitute(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with every value filled in and every reference as `Text`, and the problems."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: read(text, scope), problems), tuple(problems)


def fill_values(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with `${var:}`, `${image:}` and `${env:}` filled in; other references stay text."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: read(text, scope, resources=False), problems), tuple(problems)


def fill_environment(node: Node, scope: Scope) -> tuple[Node, tuple[Problem, ...]]:
    """Return the tree with `${env:}` filled in; any other reference is a problem."""
    problems: list[Problem] = []
    return _substitute(node, lambda text: _read_environment(text, scope), problems), tuple(problems)


def _read_environment(text: str, scope: Scope) -> Json:
    for opened in _OPEN.finditer(text):
        if opened[0] != "$${" and not text.startswith("env:", opened.end()):
            raise BadReference(f"{quoted(text)} is not allowed: an Application document can use ${{env:NAME}} only")
    return read(text, scope)


def _substitute(node: Node, reader: Callable[[str], Json], problems: list[Problem]) -> Node:
    value = node.value
    if isinstance(value, dict):
        changed = value
        for key, below in value.items():
            if "${" in key and holds_reference(key):
                hint = "use it in a value, or write $${ for a literal ${"
                message = f"a key cannot contain a reference: {quoted(key)}; {hint}"
                problems.append(Problem(below.origin, message))
        for key, below in value.items():
            done = _substitute(below, reader, problems)
            if done is not below:
                changed = dict(value) if changed is value else changed
                changed[key] = done
        return node if changed is value else Node(changed, node.origin)
    if isinstance(value, list):
        elements: list[Node] = []
        for below in value:
            done = _substitute(below, reader, problems)
            spliced = isinstance(below.value, str) and isinstance(done.value, list)
            elements += done.value if spliced else [done]
        same = len(elements) == len(value) and all(map(is_, elements, value))
        return node if same else Node(elements, node.origin)
    if not isinstance(value, str) or "${" not in value or len(problems) >= MOST_PROBLEMS:
        return node
    try:
        return to_nodes(reader(value), node.origin)
    except BadReference as problem:
        problems.append(Problem(node.origin, str(problem)))
        return node


def read(text: str, scope: Scope, *, resources: bool = True) -> Json:
    """Return the value of the text: text, a `Text`, or the value of a variable if the text is that reference alone.

    Without `resources`, references to resources (and `$${`) stay text, for a second call. Raises BadReference.
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
            written = text[opened.start() :].splitlines()[0]
            raise BadReference(f"the reference {quoted(written)} has no closing brace; add the }}")
        part = _part(text[position:end], scope, resources)
        parts.append(part)
        position = end + 1
    parts.append(text[position:])
    parts = [part for part in parts if part != ""] or [""]
    if len(parts) == 1:
        return Text((parts[0],)) if isinstance(parts[0], Ref) else parts[0]
    return joined([_inline(part) for part in parts])


def _inline(part: Json) -> str | Ref:
    """Return a value as part of a longer text."""
    if isinstance(part, (str, Ref)):
        return part
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, (int, float)):
        return part.text if isinstance(part, WrittenFloat) else str(part)
    if isinstance(part, list) and all(isinstance(element, str) for element in part):
        return ",".join(part)
    raise BadReference(
        "a variable that is a map, a list or null cannot be part of a longer text; use it as the whole value"
    )


def _part(body: str, scope: Scope, resources: bool) -> Json:
    if body.startswith("ssm:"):
        instead = "use the container's secrets, vars of the Application, or ${env:NAME}"
        raise BadReference(f"{quoted('${' + body + '}')} is not supported yet; {instead}")
    value = _VALUE.fullmatch(body)
    if value is not None:
        found = _value(value["source"], value["name"], scope)
        # The value of a variable is never resolved as a reference, also not by the second call.
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
            variable = f"ECSYNC_VAR_{name}"
            raise BadReference(f"${{env:{name}}} is not set; set {variable} in the environment of the controller")
        return scope.environment[name]
    known, field_name = (scope.variables, "vars") if source == "var" else (scope.images, "images")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {quoted(close)}?" if close else f"add it to {field_name} of the Application"
        raise BadReference(f"{'variable' if source == 'var' else 'image'} {quoted(name)} is not set; {hint}")
    return known[name]


def _ref(application: str, kind: str, rest: str, scope: Scope) -> Ref:
    """Return the reference. A name may contain dots, so the declared names decide where the output starts."""
    if kind in scope.composites:
        hint = f"refer to one of them, such as ${{Service/{rest}}}"
        raise BadReference(f"{kind}/{rest} expands to several resources; {hint}")
    if kind not in scope.kinds:
        raise BadReference(f"unknown kind {quoted(kind)}{suggestion(kind, scope.kinds)} (for literal text, write $${{)")
    if application not in scope.declared:
        raise BadReference(f"unknown application {quoted(application)}{suggestion(application, scope.declared)}")
    the_kind = scope.kinds[kind]
    here = scope.declared[application]
    name, _, output = rest.rpartition(".")
    scope.asked.update((Key(application, kind, rest), Key(application, kind, name)))
    if (kind, rest) in here:
        return Ref(Key(application=application, kind=kind, name=rest), the_kind.primary)
    if (kind, name) in here and output not in the_kind.outputs:
        outputs = ", ".join(the_kind.outputs)
        raise BadReference(f"{kind}/{name} has no output {quoted(output)}; its outputs are {outputs}")
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
