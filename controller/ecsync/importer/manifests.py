"""From a survey to the files of an application: the pure part of an import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ecsync.core.kind import Kind, World
from ecsync.core.model import Key
from ecsync.core.trees import Json
from ecsync.importer import bodies, layout, naming, proof, rendering, suspected_secrets
from ecsync.importer.gaps import Gap
from ecsync.importer.layout import Document
from ecsync.importer.model import ImportContext, LiveResource, Survey
from ecsync.importer.text import dump
from ecsync.language.manifest import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedManifests:
    """The files of an import by name, what a person should review, and what is missing from the files."""

    files: Mapping[str, str]
    private: frozenset[str]  # the files with a value that looks like a secret
    notes: tuple[str, ...]
    documents: tuple[Key, ...]
    gaps: tuple[Gap, ...] = ()
    unplanned: tuple[Gap, ...] = ()  # in the files, but the proof could not read it

    @property
    def complete(self) -> bool:
        """True if nothing is left out of the files."""
        return not any(gap.left_out for gap in self.gaps)


def generate(
    survey: Survey, cluster: str, context: ImportContext, observe: proof.Observe | None = None
) -> GeneratedManifests:
    """Return the files of one application. A document that no manifest can hold is left out.

    `observe` reads for the proof as a plan does; without it, the proof uses what the survey read.
    """
    files, loaded, gaps = _valid_files(survey, cluster, context)
    notes, unplanned = list(files.notes), []
    for application in loaded.applications if not loaded.problems else ():
        changes, unreadable = proof.unexpected(application, context, observe or (lambda _: files.world))
        notes += changes
        unplanned += unreadable
    return GeneratedManifests(
        files=files.texts,
        private=files.private,
        notes=tuple(notes),
        documents=tuple(sorted(files.world)),
        gaps=(*survey.gaps, *gaps),
        unplanned=tuple(unplanned),
    )


def _valid_files(survey: Survey, cluster: str, context: ImportContext) -> tuple[_Files, Loaded, list[Gap]]:
    """Return the files without invalid documents, what they declare, and a gap for each document that was left out."""
    gaps: list[Gap] = []
    resources = dict(survey.resources)
    while True:
        files = _Files(replace(survey, resources=resources), cluster, context)
        loaded = proof.load_files(files.texts, context)
        reasons = proof.invalid_documents(loaded, files.texts)
        invalid = {key: str(files.key(key)) for key in resources if str(files.key(key)) in reasons}
        if not invalid:
            gaps += (Gap(resource=problem.origin.file, reason=problem.message) for problem in loaded.problems)
            return files, loaded, gaps
        for key, document in invalid.items():  # references to it become literals in the next round
            gaps.append(Gap(resource=document, reason=reasons[document]))
            del resources[key]


class _Files:
    """The files of a survey's resources, and what a person should review in them."""

    def __init__(self, survey: Survey, cluster: str, context: ImportContext) -> None:
        self._documents = documents = _complete_bodies(survey, context)
        self.notes = [f"{self._label(note.key)} {note.text}" for note in survey.notes]
        file_of = layout.files(survey.resources, documents.owners, documents.names)
        by_file: dict[str, list[Document]] = {}
        for key, resource in survey.resources.items():
            document = _document(resource, documents, context)
            by_file.setdefault(file_of[key], []).append(document)
            self.notes += _review_notes(resource, document)
        place = f"cluster {cluster} in {context.target.region}"
        self.texts = {"application.yaml": _application(context, place)}
        self.texts |= {file: layout.text(by_file[file], layout.header(file, place)) for file in sorted(by_file)}
        self.private = frozenset(file for file, own in by_file.items() if any(document.secret for document in own))
        self.world: World = {self.key(key): resource.present for key, resource in survey.resources.items()}

    def key(self, key: Key) -> Key:
        """Return the key of a resource's document."""
        return key._replace(name=self._documents.names.get(key, key.name))

    def _label(self, key: Key) -> str:
        return str(self.key(key)) if key in self._documents.names else f"{key.kind} {key.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _CompleteBodies:
    """Every resource with its complete body, the services that use it, and its document name."""

    bodies: Mapping[Key, dict[str, Json]]
    by_name: rendering.ByName
    owners: naming.Owners
    names: Mapping[Key, str]


def _complete_bodies(survey: Survey, context: ImportContext) -> _CompleteBodies:
    kinds, resources = context.kinds, survey.resources
    by_name = rendering.by_name(resources.values())
    services = survey.of_kind("Service")
    complete = {}
    links: dict[Key, frozenset[Key]] = {}
    for key, resource in resources.items():
        kind = kinds[key.kind]
        complete[key] = bodies.complete(kind, resource, context.shape(kind), services)
        referenced = rendering.referenced_keys(kind, complete[key], by_name) - {key}
        links[key] = frozenset() if resource.identity_only else referenced
    owners = layout.owners(links)
    names = naming.names(resources.values(), kinds, owners)
    return _CompleteBodies(bodies=complete, by_name=by_name, owners=owners, names=names)


def _document(resource: LiveResource, all_bodies: _CompleteBodies, context: ImportContext) -> Document:
    key, kind = resource.key, context.kinds[resource.key.kind]
    complete, name, shape = all_bodies.bodies[key], all_bodies.names[key], context.shape(kind)
    identity = bodies.identity_members(kind, complete)
    body = identity if resource.identity_only else bodies.minimal(kind, complete, resource.present, shape)
    first = list(bodies.identity_members(kind, body))
    rendering.insert_references(kind, resource, body, all_bodies.by_name, all_bodies.names, context.kinds)
    if body.get(kind.name_member) == name:
        del body[kind.name_member]
    renderer = rendering.BodyRenderer(kind.rules, kind.tagging.member if kind.tagging else "")
    rendered = renderer.render(body, shape)
    secrets = () if resource.identity_only else tuple(suspected_secrets.paths(kind, complete))
    return Document(
        key=key._replace(name=name),
        body={**{member: rendered[member] for member in first if member in rendered}, **rendered},
        annotations=_annotations(kind, resource),
        comments=(*_read_only_comment(resource), *(f"{path} looks like a secret" for path in secrets)),
        secret=bool(secrets),
    )


def _read_only_comment(resource: LiveResource) -> tuple[str, ...]:
    return (f"Read-only: {resource.reason}.",) if resource.reason else ()


def _review_notes(resource: LiveResource, document: Document) -> Iterator[str]:
    if resource.reason and not resource.identity_only:
        yield f"{document.key} is read-only: {resource.reason}"
    for comment in document.comments[len(_read_only_comment(resource)) :]:
        yield f"{document.key}: {comment}; move it to the container's `secrets`"


def _annotations(kind: Kind, resource: LiveResource) -> Mapping[str, str]:
    """Return a document's annotations. AWS's defaults are left out of the files, so they are enforced all the same."""
    if kind.calls is None:
        return {}
    if not resource.managed:
        return {"ecsync/manage": "read"}
    defaults = {"ecsync/undeclared": "default"}
    return defaults | ({"ecsync/adopt": "never"} if kind.adopt_default != "never" else {})


def _application(context: ImportContext, place: str) -> str:
    header = (
        f"# The services of {place} and the resources that they use, imported by `ecsync import`.\n"
        "# AWS's defaults are left out. `ecsync adopt` takes ownership and changes nothing else.\n"
    )
    document = {
        "apiVersion": "ecsync/v1",
        "kind": "Application",
        "metadata": {"name": context.application},
        "spec": {"target": {"region": context.target.region}, "sync": {"mode": "observe"}},
    }
    return header + dump(document).replace("mode: observe\n", "mode: observe    # read-only: reports, never writes\n")
