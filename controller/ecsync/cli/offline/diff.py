"""`ecsync diff`: two files as AWS sees them, without a call to AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecsync.cli import _options, _show

if TYPE_CHECKING:
    from ecsync.core.kind import Kind
    from ecsync.core.model import FieldChange
    from ecsync.language.nodes import Node

_SAME, _DIFFERENT, _WRONG = 0, 1, 2  # as diff(1)

Desired = Annotated[
    Path, typer.Argument(metavar="DESIRED", help="The desired state: a manifest, or the input of AWS's create call.")
]
Live = Annotated[
    Path, typer.Argument(metavar="LIVE", help="The live state: the output of AWS's describe call, or a manifest.")
]


def diff(
    desired: Desired,
    live: Live,
    kind: Annotated[str, typer.Option("--kind", help="The kind of both: Service, TaskDefinition, TargetGroup …")],
    context: Annotated[
        Path | None,
        typer.Option("--context", help="A file with facts that the two files cannot contain: scalableTarget …"),
    ] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="Format: text or json.")] = "text",
) -> int:
    """Compare two JSON or YAML files as AWS sees them.

    No call to AWS. Exit codes: 0 the same, 1 different, 2 error. Either file may be a manifest that contains exactly
    one document of the kind. References are compared as text.

    Example: ecsync diff --kind Service service.yaml described.json
    """
    from ecsync.language.nodes import plain
    from ecsync.offline import compare

    _options.choice(output, "text", "json")
    try:
        of = compare.kind_of(kind)
        written, observed = _document(desired, of), _document(live, of)
        facts = plain(_only(context)) if context else None
        checked = compare.written_as(of, written, unread=True)
        if checked.problems:
            raise ValueError(
                "\n".join(f"{one.origin.file}:{one.origin.line}: {one.message}" for one in checked.problems)
            )
        found = compare.difference(of, checked.body, plain(observed), facts)
    except (OSError, ValueError) as error:
        _show.message(str(error), "danger")
        return _WRONG
    origins = _origins(of, checked.node, written, found.fields)
    if output == "json":
        _show.put_json(_as_json(of, found.fields, origins))
    else:
        _as_text(found.fields, origins)
    return _DIFFERENT if found.fields else _SAME


def _document(path: Path, kind: Kind) -> Node:
    """Return the body of the one resource in a file. Raises ValueError if the file does not have exactly one."""
    from ecsync.language import documents
    from ecsync.language.nodes import Node

    node = _only(path)
    if not isinstance(node.value, dict):
        raise ValueError(f"{path}: must be a map of fields")
    if not {"kind", "resources"} & node.value.keys():
        return node
    reading = documents.read(node)
    if reading.problems:
        raise ValueError("\n".join(map(str, reading.problems)))
    found = [document for document in reading.documents if document.kind == kind.name]
    if len(found) != 1:
        names = ", ".join(map(str, reading.documents)) or "nothing"
        raise ValueError(f"{path}: must declare exactly one {kind.name}, but declares {names}")
    name = {kind.name_member: Node(found[0].name, found[0].origin)} if kind.name_member else {}
    return Node(name | found[0].spec.value, found[0].origin)


def _only(path: Path) -> Node:
    """Return the one document of a file."""
    from ecsync.language import yaml12

    parsed = yaml12.parse(str(path), path.read_bytes())
    if parsed.problems:
        raise ValueError("\n".join(map(str, parsed.problems)))
    if len(parsed.documents) != 1:
        raise ValueError(f"{path}: must contain exactly one document, but contains {len(parsed.documents)}")
    return parsed.documents[0]


def _origins(kind: Kind, checked: Node, written: Node, fields: tuple[FieldChange, ...]) -> list[str]:
    """Return the place of each field in the desired file, as `file:line`."""
    from ecsync.core.model import Desired as Document
    from ecsync.core.model import Key
    from ecsync.core.origins import where
    from ecsync.language.nodes import Origins, plain

    document = Document(
        key=Key(application="", kind=kind.name, name=""),
        body=plain(checked),
        origin=written.origin,
        origins=Origins(checked),
    )
    return [str(where(document, one.path, kind.rules)) for one in fields]


def _as_text(fields: tuple[FieldChange, ...], origins: list[str]) -> None:
    from ecsync.report.changes import change_lines

    for one, origin in zip(fields, origins, strict=True):
        for line in change_lines(one, origin, tag=False):
            print(_show.styled(line, "change"))
    if not fields:
        _show.message("no difference", "good")


def _as_json(kind: Kind, fields: tuple[FieldChange, ...], origins: list[str]) -> dict[str, Any]:
    from ecsync.core.trees import plain, pointer

    return {
        "apiVersion": "ecsync/v1",
        "kind": "Diff",
        "of": kind.name,
        "fields": [
            {
                "path": pointer(one.path),
                "before": plain(one.before),
                "after": plain(one.after),
                "effect": one.effect,
                "origin": origin,
            }
            for one, origin in zip(fields, origins, strict=True)
        ],
    }
