"""From a survey to files: the pure part of an import."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ecsync.core.kind import Kind
from ecsync.core.model import Key
from ecsync.core.rules import Sensitive
from ecsync.core.trees import Body, Json, Path, at, leaves, locate
from ecsync.importer import layout, naming, proof, rendering
from ecsync.importer.bodies import full, named, trimmed
from ecsync.importer.gaps import Gap
from ecsync.importer.layout import Document
from ecsync.importer.model import Item, Known, Survey
from ecsync.importer.text import dump

_SECRET = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|private_?key|credential|access_?key|dsn", re.IGNORECASE
)
_WITH_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The files of an import by name, what a person should look at, and what is not in the files."""

    files: Mapping[str, str]
    notes: tuple[str, ...]
    documents: tuple[Key, ...]
    gaps: tuple[Gap, ...] = ()
    unplanned: tuple[Gap, ...] = ()  # in the files, and what a plan with the same rights cannot tell of

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing that the files should say."""
        return not any(gap.missed for gap in self.gaps)


def draw(survey: Survey, cluster: str, known: Known, look: proof.Look | None = None) -> Drawn:
    """Return a survey as the files of one application; a document that no manifest can say is left out.

    `look` reads for the proof as a plan does; without it, what was found is what there is.
    """
    gaps = list(survey.gaps)
    items = dict(survey.items)
    while True:
        drawing = _Drawing(replace(survey, items=items), cluster, known)
        loaded = proof.read(drawing.texts, known)
        wrong = proof.invalid(loaded, drawing.texts)
        unsaid = [key for key in items if str(drawing.key(key)) in wrong]
        gaps += (Gap(what=str(drawing.key(key)), why=wrong[str(drawing.key(key))]) for key in unsaid)
        for key in unsaid:
            del items[key]
        if not unsaid:
            break
    gaps += (Gap(what=problem.origin.file, why=problem.message) for problem in loaded.problems)
    doubts: list[str | Gap] = []
    for application in loaded.applications if not loaded.problems else ():
        doubts += proof.doubts(application, known, look or (lambda _: drawing.world))
    return Drawn(
        files=drawing.texts,
        notes=(*drawing.notes, *(doubt for doubt in doubts if isinstance(doubt, str))),
        documents=tuple(sorted(drawing.world)),
        gaps=tuple(gaps),
        unplanned=tuple(doubt for doubt in doubts if isinstance(doubt, Gap)),
    )


class _Drawing:
    """The files of what was found, each named, and what a person should look at."""

    def __init__(self, survey: Survey, cluster: str, known: Known) -> None:
        sketch = self._sketch = _sketch(survey, known)
        self.notes = [f"{self._called(note.key)} {note.text}" for note in survey.notes]
        homes = layout.homes(survey.items, sketch.owners, sketch.names)
        files: dict[str, list[Document]] = {}
        for key, item in survey.items.items():
            document = _document(item, sketch, known)
            files.setdefault(homes[key], []).append(document)
            self.notes += _look_at(item, document)
        place = f"cluster {cluster} in {known.target.region}"
        self.texts = {"application.yaml": _application(known, place)}
        self.texts |= {name: layout.text(files[name], layout.header(name, place)) for name in sorted(files)}
        self.world = {self.key(key): item.present for key, item in survey.items.items()}

    def key(self, key: Key) -> Key:
        """Return what a resource is called in the files."""
        return replace(key, name=self._sketch.names.get(key, key.name))

    def _called(self, key: Key) -> str:
        return str(self.key(key)) if key in self._sketch.names else f"{key.kind} {key.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sketch:
    """Every body in full, what refers to what, and what each document is called."""

    bodies: Mapping[Key, dict[str, Json]]
    called: rendering.Index
    owners: naming.Owners
    names: Mapping[Key, str]


def _sketch(survey: Survey, known: Known) -> _Sketch:
    kinds, items = known.kinds, survey.items
    called = rendering.index(items.values())
    services = survey.of("Service")
    bodies = {}
    links: dict[Key, frozenset[Key]] = {}
    for key, item in items.items():
        kind = kinds[key.kind]
        bodies[key] = full(kind, item, known.shape(kind), services)
        links[key] = rendering.targets(kind, bodies[key], called) - {key} if item.whole else frozenset()
    owners = layout.owners(links)
    return _Sketch(bodies=bodies, called=called, owners=owners, names=naming.names(items.values(), kinds, owners))


def _document(item: Item, sketch: _Sketch, known: Known) -> Document:
    kind, body, name = known.kinds[item.key.kind], sketch.bodies[item.key], sketch.names[item.key]
    shape = known.shape(kind)
    written = trimmed(kind, body, item.present, shape) if item.whole else named(kind, body)
    found_by = named(kind, written)
    rendering.refer(kind, item, written, sketch.called, sketch.names, known.kinds)
    if written.get(kind.name_member) == name:
        del written[kind.name_member]
    spelled = rendering.Spelling(kind.rules, kind.tagging.member if kind.tagging else "").value(written, shape)
    first = [member for member in found_by if member in spelled]
    secrets = tuple(f"{place} looks like a secret" for place in _secrets(kind, body)) if item.whole else ()
    return Document(
        key=replace(item.key, name=name),
        body={**{member: spelled[member] for member in first}, **spelled},
        annotations=_annotations(kind, item),
        comments=(*_why(item), *secrets),
    )


def _why(item: Item) -> tuple[str, ...]:
    return (f"{item.why[:1].upper()}{item.why[1:]}.",) if item.why else ()


def _look_at(item: Item, document: Document) -> Iterator[str]:
    if item.why and item.whole:
        yield f"{document.key} is only looked up: {item.why}"
    for comment in document.comments[len(_why(item)) :]:
        yield f"{document.key}: {comment}; name it in the container's `secrets` instead"


def _annotations(kind: Kind, item: Item) -> Mapping[str, str]:
    """AWS's defaults were left out because they say nothing, so what is adopted is held to them all the same."""
    if kind.calls is None:
        return {}
    if not item.managed:
        return {"ecsync/manage": "read"}
    defaults = {"ecsync/undeclared": "default"}
    return defaults | ({"ecsync/adopt": "never"} if kind.adopt_default != "never" else {})


def _secrets(kind: Kind, body: Body) -> Iterator[str]:
    """Yield the places of values that the kind calls sensitive and that a name, or a password in a URL, gives away."""
    for rule in kind.rules:
        for _, _, path in locate(body, rule.segments) if isinstance(rule, Sensitive) else ():
            value = at(body, path)
            labels = [_label(body, path[:end]) for end in range(1, len(path) + 1)] if value is not None else [""]
            if _SECRET.search(labels[-1]) or any(_WITH_PASSWORD.search(str(leaf)) for _, leaf in leaves(value)):
                yield "".join(labels).lstrip(".")


def _label(body: Body, path: Path) -> str:
    """Return the last step of a path for people: an element of a list by its name, where it has one."""
    name = at(body, (*path, "name"), path[-1])
    return f"[{name}]" if isinstance(path[-1], int) else f".{name}"


def _application(known: Known, place: str) -> str:
    header = (
        f"# The services of {place} and what they touch, as `ecsync import` found them.\n"
        "# What AWS fills in by itself is left out. `ecsync adopt` takes it over without changing it.\n"
    )
    document = {
        "apiVersion": "ecsync/v1",
        "kind": "Application",
        "metadata": {"name": known.application},
        "spec": {"target": {"region": known.target.region}, "sync": {"mode": "observe"}},
    }
    return header + dump(document).replace("mode: observe\n", "mode: observe    # reports and writes nothing\n")
