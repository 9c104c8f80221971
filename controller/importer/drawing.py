"""From a survey to files: the pure part of an import, and the proof that the plan that follows is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from controller.core import plan as planning
from controller.core.json import Body, Json, Path, at, dotted, locate
from controller.core.kind import Kind
from controller.core.model import Key, Observed, Snapshot, Step
from controller.core.rules import Sensitive
from controller.core.scene import Scene
from controller.importer import layout, naming, spelling
from controller.importer.bodies import full, named, trimmed
from controller.importer.layout import Document
from controller.importer.survey import Item, Known, Survey
from controller.importer.text import dump
from controller.language.manifest import load

_SECRET = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|private_?key|credential|access_?key|dsn", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The files of an import by name, and what a person should look at, one a line."""

    files: Mapping[str, str]
    notes: tuple[str, ...]
    documents: tuple[Key, ...]


def draw(survey: Survey, cluster: str, known: Known) -> Drawn:
    """Return a survey as the files of one application."""
    items = survey.items
    sketch = _sketch(survey, known)
    notes = [f"{note.key.kind}/{sketch.names.get(note.key, note.key.name)} {note.text}" for note in survey.notes]
    homes = layout.homes(items, sketch.owners, sketch.names)
    files: dict[str, list[Document]] = {}
    for key, item in items.items():
        document = _document(item, sketch, known)
        files.setdefault(homes[key], []).append(document)
        notes += _look_at(item, document)
    texts = {"application.yaml": _application(known, cluster)}
    texts |= {name: layout.text(files[name]) for name in sorted(files)}
    world = {replace(key, name=sketch.names[key]): item.present for key, item in items.items()}
    notes += _proof(texts, world, known)
    return Drawn(files=texts, notes=tuple(notes), documents=tuple(sorted(world)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sketch:
    """Every body in full, what refers to what, and what each document is called."""

    bodies: Mapping[Key, dict[str, Json]]
    called: spelling.Index
    owners: naming.Owners
    names: Mapping[Key, str]


def _sketch(survey: Survey, known: Known) -> _Sketch:
    kinds, items = known.kinds, survey.items
    called = spelling.index(items.values())
    services = survey.of("Service")
    bodies = {}
    links: dict[Key, frozenset[Key]] = {}
    for key, item in items.items():
        kind = kinds[key.kind]
        bodies[key] = full(kind, item, known.shape(kind), services)
        links[key] = spelling.targets(kind, bodies[key], called) - {key} if item.whole else frozenset()
    owners = layout.owners(links)
    return _Sketch(bodies=bodies, called=called, owners=owners, names=naming.names(items.values(), kinds, owners))


def _document(item: Item, sketch: _Sketch, known: Known) -> Document:
    kind, body, name = known.kinds[item.key.kind], sketch.bodies[item.key], sketch.names[item.key]
    shape = known.shape(kind)
    written = trimmed(kind, body, item.present, shape) if item.whole else named(kind, body)
    found_by = named(kind, written)
    spelling.refer(kind, item, written, sketch.called, sketch.names, known.kinds)
    if written.get(kind.name_member) == name:
        del written[kind.name_member]
    spelled = spelling.Spelling(kind.rules, kind.tagging.member if kind.tagging else "").value(written, shape)
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
    return defaults | ({"ecsync/adopt": "never"} if kind.adopts != "never" else {})


def _secrets(kind: Kind, body: Body) -> Iterator[str]:
    """Yield the places of values that the kind calls sensitive and whose names say so too."""
    for rule in kind.rules:
        if isinstance(rule, Sensitive):
            for container, key, path in locate(body, rule.segments):
                held = not isinstance(container, Mapping) or key in container
                labels = [_label(body, path[:end]) for end in range(1, len(path) + 1)] if held else [""]
                if _SECRET.search(labels[-1]):
                    yield "".join(labels).lstrip(".")


def _label(body: Body, path: Path) -> str:
    """Return the last step of a path for people: an element of a list by its name, where it has one."""
    name = at(body, (*path, "name"), path[-1])
    return f"[{name}]" if isinstance(path[-1], int) else f".{name}"


def _application(known: Known, cluster: str) -> str:
    header = (
        f"# The services of cluster {cluster} and what they touch, as `ecsync import` found them.\n"
        "# What AWS fills in by itself is left out. `ecsync adopt` takes it over without changing it.\n"
    )
    document = {
        "apiVersion": "ecsync/v1",
        "kind": "Application",
        "metadata": {"name": known.application},
        "spec": {"target": {"region": known.target.region}, "sync": {"mode": "observe"}},
    }
    return header + dump(document).replace("mode: observe\n", "mode: observe    # reports and writes nothing\n")


def _proof(texts: Mapping[str, str], world: Mapping[Key, Observed], known: Known) -> Iterator[str]:
    """Yield what is wrong with the files, and what their plan would have in it: nothing, if all is well."""
    snapshot = Snapshot(revision="", files={name: text.encode() for name, text in texts.items()})
    loaded = load(snapshot, kinds=known.kinds, shape_of=known.shape_of, environment={}, root_name=known.application)
    yield from map(str, loaded.problems)
    for one in loaded.applications if not loaded.problems else ():
        scene = Scene(
            application=one, kinds=known.kinds, world=world, target=known.target, installation=known.installation
        )
        found = planning.build(scene)
        for step in found.steps:
            yield from _changes(step)
        yield from (f"{withheld.step.id} would be held: {withheld.because}" for withheld in found.withheld)
        yield from (f"{key} cannot be planned: {why}" for key, why in found.unreadable.items())


def _changes(step: Step) -> Iterator[str]:
    for one in step.fields:
        yield f"{step.id} would differ from what is live: {dotted(one.path)} {one.before!r} → {one.after!r}"
