"""Compiles documents to Desired: resolves references, checks and coerces the body, and reads the annotations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ecsync.core.constraints.find import ConstraintTable, breaches, constraint_table
from ecsync.core.constraints.model import with_patterns
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.marks import MOST_KEYS, released_maps, tag_map
from ecsync.core.model import Desired, Key, Options, Origin, Problem, Ref, Text
from ecsync.core.normalise import table_of
from ecsync.core.rules import Refers
from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Json, Path, at, locate
from ecsync.core.wording import quoted
from ecsync.language.annotations import after_origin, options
from ecsync.language.check import Finding, Rows, check, rows_of
from ecsync.language.documents import Document
from ecsync.language.nodes import Node, Origins, Pool, plain
from ecsync.language.outline import segments
from ecsync.language.plain_aws.aws_types import mistyped
from ecsync.language.references import Asked, Scope, substitute
from ecsync.language.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """One document, compiled. It depends on the settings, and on what its references ask of `scope.declared`."""

    document: Document
    key: Key
    desired: Desired | None  # None: the body is not valid
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    after_place: Origin  # of its `ecsync/after`
    asked: tuple[Asked, ...]


def moved(one: Compiled, document: Document) -> Compiled | None:
    """Return what is compiled, for the same document or one with the same text on other lines; None for another one."""
    before, desired = one.document, one.desired
    if before is document:
        return one
    if before == document:
        return replace(one, document=document)
    same = document.held.digest and document.held.digest == before.held.digest and _values(document) == _values(before)
    if not same or desired is None or one.problems or one.notes or before.origin.file != document.origin.file:
        return None
    lines = document.origin.line - before.origin.line
    origins = desired.origins.moved(lines) if isinstance(desired.origins, Origins) else None
    if origins is None:
        return None
    return replace(
        one,
        document=document,
        desired=desired.moved(document.origin, origins),
        after_place=after_origin(document.annotations, document.origin),
    )


def _values(document: Document) -> dict[str, Json]:
    return {name: plain(node) for name, node in document.annotations.items()}


@dataclass(slots=True)
class Compiler:
    """Compiles documents of one application, one after the other."""

    settings: Settings
    scope: Scope
    kinds: Mapping[str, Kind]
    shape_of: Callable[[ShapeOf], Shape]
    pool: Pool
    tables: dict[str, ConstraintTable]  # by kind: its constraints; kept between loads
    notes: list[Problem] = field(default_factory=list)  # of the document that is being compiled
    plain_options: dict[str, Options] = field(default_factory=dict)  # by kind: of a document without annotations
    refers: dict[str, list[tuple[Refers, str]]] = field(default_factory=dict)  # by kind: with the primary output
    rows: dict[str, Rows] = field(default_factory=dict)  # by kind

    def compile(self, document: Document) -> Compiled:
        """Return a Desired if the document has a valid body, and every mistake in it."""
        kind = self.kinds[document.kind]
        key = self.pool.key(Key(application=self.settings.name, kind=document.kind, name=document.name))
        self.scope.asked.clear()
        self.notes.clear()
        chosen, problems = self._options(document, kind)
        named, too_long = self._named(document, kind, chosen)
        spec, unread = substitute(named, self.scope)
        wrong = [*too_long, *unread]
        # A lookup is found by its name, so the rest of its body may be absent.
        partial = kind.calls is not None and not chosen.manage
        node, wrong_body = self._checked(document, kind, spec, partial, unread=bool(unread))
        body: Body = self._with_outputs(kind, plain(node))
        if not wrong and not wrong_body and not partial:
            wrong_body = [Problem(origin_at(node, path), message) for path, message in _unfit(kind, body)]
            wrong_body += self._refused(kind, body, node, {one.origin for one in wrong_body})
        desired = None
        if not wrong and not wrong_body:
            origins, body = Origins(node), self.pool.tree(body)
            origins.pack(body)
            desired = Desired(key=key, body=body, options=chosen, origin=document.origin, origins=origins)
        every = (*problems, *wrong, *wrong_body)
        return Compiled(
            document=document,
            key=key,
            desired=desired,
            problems=tuple(replace(problem, application=self.settings.name) for problem in every),
            notes=tuple(self.notes),
            after_place=after_origin(document.annotations, document.origin),
            asked=self.pool.keys(self.scope.asked),
        )

    def _refused(self, kind: Kind, body: Body, node: Node, reported: Collection[Origin]) -> list[Problem]:
        """Return what AWS refuses, without places that have a problem already; keep the notes."""
        if kind.name not in self.tables:
            rows = kind.constraints
            rows = with_patterns(rows, self.shape_of(kind.shape), kind.rules) if kind.shape is not None else rows
            self.tables[kind.name] = constraint_table(rows)
        found = [(origin_at(node, one.path), one) for one in breaches(self.tables[kind.name], body, name=kind.name)]
        self.notes += [Problem(place, one.message, self.settings.name) for place, one in found if one.level == "note"]
        return [Problem(place, one.message) for place, one in found if one.level == "error" and place not in reported]

    def _options(self, document: Document, kind: Kind) -> tuple[Options, tuple[Problem, ...]]:
        """Return the options of a document; of one without annotations, those of its kind."""
        ignored = tuple(self._ignored(document)) if self.settings.ignore else ()
        if document.annotations or ignored:
            return options(document.annotations, kind, self.settings.name, ignored)
        if kind.name not in self.plain_options:
            self.plain_options[kind.name], _ = options({}, kind, self.settings.name)
        return self.plain_options[kind.name], ()

    def _with_outputs(self, kind: Kind, body: Json) -> Json:
        """Return the body; a `${Kind/name}` gets the output of its `Refers` row, if that is not the primary output."""
        if kind.name not in self.refers:
            rows = (rule for rule in kind.rules if isinstance(rule, Refers) and rule.output)
            self.refers[kind.name] = [(rule, self.kinds[rule.kind].primary) for rule in rows if rule.kind in self.kinds]
        for rule, primary in self.refers[kind.name]:
            for container, place, _ in locate(body, rule.segments):
                value = container.get(place) if isinstance(container, dict) else container[place]
                ref = value.sole if isinstance(value, Text) else None
                if ref and ref.key.kind == rule.kind and ref.output == primary:
                    container[place] = Text((Ref(ref.key, rule.output),))
        return body

    def _named(self, document: Document, kind: Kind, chosen: Options) -> tuple[Node, list[Problem]]:
        """Fill in the AWS name if the spec has none. `names` of the Application does not apply to a lookup."""
        spec = document.spec
        given = spec.get(kind.name_member)
        if not kind.name_member or (given is not None and given.value is not None):
            return spec, []
        template = self.settings.names if chosen.manage else None
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
            rows=self._rows(kind),
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
        self.notes += [Problem(note.origin, note.message, self.settings.name) for note in checked.notes]
        return checked.node, [Problem(finding.origin, finding.message) for finding in problems]

    def _rows(self, kind: Kind) -> Rows:
        if kind.name not in self.rows:
            self.rows[kind.name] = rows_of(kind.rules)
        return self.rows[kind.name]

    def _is_list(self, ref: Ref) -> bool:
        return ref.output in self.kinds[ref.key.kind].list_outputs

    # ------------------------------------------------------------ ignore

    def _ignored(self, document: Document) -> Iterator[tuple[str, ...]]:
        for ignore in self.settings.ignore:
            if ignore.kind == document.kind and ignore.name in ("", document.name):
                yield from (segments(str(path.value)) for path in ignore.paths)


def _unfit(kind: Kind, body: Body) -> Iterator[tuple[Path, str]]:
    """Yield (path, message) of what AWS or the mark does not accept, although it has AWS's types."""
    yield from kind.check(body)
    for row in table_of(kind.rules).characters:
        for _, _, path in locate(body, row.segments):
            value = at(body, path)
            if isinstance(value, str) and not row.whole.fullmatch(value):
                yield path, f"{path[-1]} {quoted(value)} has characters that AWS refuses; use {row.text}"
    if kind.tagging is None:
        return
    by_key = {name: body[name] for name in (kind.tagging.member, *released_maps(kind)) if name in body}
    keys = sum(len(tag_map(value)) for value in by_key.values() if isinstance(value, (Mapping, list)))
    if keys > MOST_KEYS:
        names = " and ".join(by_key)
        yield (next(iter(by_key)),), f"{keys} {names}; use at most {MOST_KEYS}: the tag ecsync:applied records no more"


def _strict(document: Document, kind: Kind, shape: Shape) -> Sequence[Finding]:
    """Return the findings of the strict check of a plain AWS document in JSON, without patches and filled-in values."""
    if document.written is None:
        return ()
    return mistyped(document.written, shape, name=kind.name, rules=kind.rules)


def _without(node: Node, name: str) -> dict[str, Node]:
    return {key: below for key, below in node.value.items() if key != name}


def origin_at(node: Node, path: Path) -> Origin:
    """Return the origin of the path, or of the nearest path above it that is written."""
    origins = Origins(node)
    while path and path not in origins:
        path = path[:-1]
    return origins[path]
