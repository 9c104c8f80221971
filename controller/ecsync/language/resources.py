"""Compiles documents to Desired: resolves references, checks and coerces the body, and reads the annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.model import Desired, Key, Options, Origin, Problem, Ref, Text
from ecsync.core.rules import Refers
from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json, Path, locate
from ecsync.core.wording import quoted, suggestion
from ecsync.language.annotations import after_origin, options
from ecsync.language.aws_types import mistyped
from ecsync.language.check import Finding, check
from ecsync.language.documents import Document
from ecsync.language.drafts import Draft
from ecsync.language.nodes import Node, Origins, plain
from ecsync.language.references import Scope, substitute
from ecsync.language.settings import Ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Compiles the documents of one draft into its resources."""

    draft: Draft
    scope: Scope
    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]

    def run(self) -> None:
        """Add a Desired for every document with a valid body, and a problem for every mistake."""
        for document in self.draft.documents:
            self._compile(document)
        for ignore in self.draft.settings.ignore:
            self.draft.problems += self._unmatched(ignore)

    def _compile(self, document: Document) -> None:
        kind = self.kinds[document.kind]
        key = Key(application=self.draft.settings.name, kind=document.kind, name=document.name)
        chosen, problems = options(document.annotations, kind, key.application, tuple(self._ignored(document)))
        named, too_long = self._named(document, kind, chosen)
        spec, unread = substitute(named, self.scope)
        wrong = [*too_long, *unread]
        # A lookup is found by its name, so the rest of its body may be absent.
        partial = kind.calls is not None and not chosen.manage
        node, wrong_body = self._checked(document, kind, spec, partial, unread=bool(unread))
        body: Body = self._with_outputs(kind, plain(node))
        if not wrong and not wrong_body and not partial:
            wrong_body = [Problem(origin_at(node, path), message) for path, message in kind.check(body)]
        self.draft.problems += [*problems, *wrong, *wrong_body]
        self.draft.after_places[key] = after_origin(document.annotations, document.origin)
        if not wrong and not wrong_body:
            desired = Desired(key=key, body=body, options=chosen, origin=document.origin, origins=Origins(node))
            self.draft.resources.append(desired)

    def _with_outputs(self, kind: Kind, body: Json) -> Json:
        """Return the body; a `${Kind/name}` gets the output of its `Refers` row, if that is not the primary output."""
        for rule in kind.rules:
            if not isinstance(rule, Refers) or not rule.output or rule.kind not in self.kinds:
                continue
            for container, place, _ in locate(body, rule.segments):
                value = container.get(place) if isinstance(container, dict) else container[place]
                ref = value.sole if isinstance(value, Text) else None
                if ref and ref.key.kind == rule.kind and ref.output == self.kinds[rule.kind].primary:
                    container[place] = Text((Ref(ref.key, rule.output),))
        return body

    def _named(self, document: Document, kind: Kind, chosen: Options) -> tuple[Node, list[Problem]]:
        """Fill in the AWS name if the spec has none. `names` of the Application does not apply to a lookup."""
        spec = document.spec
        given = spec.get(kind.name_member)
        if not kind.name_member or (given is not None and given.value is not None):
            return spec, []
        template = self.draft.settings.names if chosen.manage else None
        name = template.value.replace("{name}", document.name) if template is not None else document.name
        filled = Node({kind.name_member: Node(name, document.origin), **_without(spec, kind.name_member)}, spec.origin)
        if len(name) <= kind.name_limit:
            return filled, []
        limit = f"{len(name)} characters, at most {kind.name_limit} for a {kind.name}"
        message = f"the name {quoted(name)} is too long: {limit}; shorten it, or set {kind.name_member} in spec"
        return filled, [Problem(document.origin, message)]

    def _checked(
        self, document: Document, kind: Kind, spec: Node, partial: bool, unread: bool
    ) -> tuple[Node, list[Problem]]:
        if kind.shape is None:
            return spec, []
        shape = self.shape_of(kind.shape)
        describe = self.shape_of(ShapeOf(operation="", describe=kind.shape.describe)) if kind.shape.describe else None
        checked = check(
            spec,
            shape,
            name=kind.name,
            rules=kind.rules,
            describe=describe,
            tags=kind.tagging.member if kind.tagging is not None else "",
            lists=self._is_list,
            partial=partial,
            unread=unread,
            by_number=document.written is not None,
        )
        strict = _strict(document, kind, shape)
        reported = {finding.origin for finding in strict}
        problems = [*strict, *(finding for finding in checked.problems if finding.origin not in reported)]
        self.draft.notes += [Problem(note.origin, note.message, self.draft.settings.name) for note in checked.notes]
        return checked.node, [Problem(finding.origin, finding.message) for finding in problems]

    def _is_list(self, ref: Ref) -> bool:
        return ref.output in self.kinds[ref.key.kind].list_outputs

    # ------------------------------------------------------------ ignore

    def _ignored(self, document: Document) -> Iterator[tuple[str, ...]]:
        for ignore in self.draft.settings.ignore:
            if ignore.kind == document.kind and ignore.name in ("", document.name):
                yield from (segments(str(path.value)) for path in ignore.paths)

    def _unmatched(self, ignore: Ignore) -> Iterator[Problem]:
        """Yield a problem if an `ignore` matches no document, or if one of its fields does not exist."""
        names = [document.name for document in self.draft.documents if document.kind == ignore.kind]
        if not names or ignore.name not in ("", *names):
            if not self.draft.incomplete:
                what = f"{ignore.kind}/{ignore.name}" if ignore.name else ignore.kind
                yield Problem(
                    ignore.origin, f"ignore matches no document: {quoted(what)}{suggestion(ignore.name, names)}"
                )
            return
        whole = self.kinds[ignore.kind].shape
        for path in ignore.paths:
            shape: Shape | None = self.shape_of(whole) if whole is not None else None
            for segment in segments(str(path.value)):
                if shape is None:
                    break
                if shape.type == "structure" and segment not in shape.members:
                    hint = suggestion(segment, shape.members)
                    yield Problem(path.origin, f"unknown field {quoted(segment)} in {quoted(path.value)}{hint}")
                    break
                shape = shape.members[segment] if shape.type == "structure" else shape.element


def _strict(document: Document, kind: Kind, shape: Shape) -> Sequence[Finding]:
    """Return the findings of the strict check of a plain AWS document in JSON, without patches and filled-in values."""
    if document.written is None:
        return ()
    return mistyped(document.written, shape, name=kind.name, rules=kind.rules)


def _without(node: Node, name: str) -> dict[str, Node]:
    return {key: below for key, below in node.value.items() if key != name}


def segments(pointer: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def origin_at(node: Node, path: Path) -> Origin:
    """Return the origin of the path, or of the nearest path above it that is written."""
    origins = Origins(node)
    while path and path not in origins:
        path = path[:-1]
    return origins[path]
