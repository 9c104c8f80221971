"""`ecsync explain` answers for everything that can be written: manifests, annotations, the operator's config."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecsync import kinds
from ecsync.core.kind import Kind
from ecsync.core.schema import Shape
from ecsync.language.annotations import ANNOTATIONS, CHOICES, KNOWN, OF_APPLICATION
from ecsync.language.documents import DOCUMENT
from ecsync.language.references import FORMS, holds_reference
from ecsync.language.settings import SHAPE as APPLICATION
from ecsync.offline import explain, operator_settings, topics
from tests.kinds.shaped import body_shape


def fields(shape: Shape, name: str, inside: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted name of every field below a shape; of a shape that contains itself once."""
    while shape.type in ("list", "map") and shape.element is not None:
        name = f"{name}.NAME" if shape.type == "map" else name
        shape = shape.element
    if shape.type == "structure" and shape.name not in inside:
        for member, below in shape.members.items():
            yield f"{name}.{member}"
            yield from fields(below, f"{name}.{member}", (*inside, shape.name) if shape.name else inside)


def facts(text: str) -> dict[str, str]:
    """Return the short lines by their label."""
    lines = list(topics.lines(text))[1:]
    short = lines[: lines.index("")] if "" in lines else lines
    return {label: value.strip() for label, _, value in (line.strip().partition(" ") for line in short)}


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_every_field_of_a_kind_is_explained(kind: Kind) -> None:
    """With its type, what it means that it is absent, the effect of a change, and a text about it."""
    shape = body_shape(kind) if kind.shape else kind.own_shape
    assert shape is not None
    places = [explain.find(name) for name in fields(shape, kind.name)]
    assert len(places) >= 4
    silent = []
    for place in places:
        found = dict(explain.facts(place))
        assert {"type", "absent", "change"} <= found.keys(), place.name
        assert place.shape is not None
        if len(place.segments) == 1 and not place.shape.documentation and "note" not in found:
            silent.append(place.name)
    assert silent == [], "add a text to kinds/_notes.py"


def test_every_note_is_about_a_field() -> None:
    """A member that was renamed takes its note along."""
    for kind in kinds.ALL:
        for path in kind.notes:
            place = explain.find(f"{kind.name}.{path}")
            assert kind.notes[path] in [text for label, text in explain.facts(place) if label == "note"]


@pytest.mark.parametrize(("name", "shape"), [("Application", APPLICATION), ("document", DOCUMENT)])
def test_every_field_of_ours_is_explained(name: str, shape: Shape) -> None:
    """With its type and a text."""
    assert next(topics.lines(name)) == name
    for field in fields(shape, name):
        lines = list(topics.lines(field))
        assert lines[0] == field
        assert lines[1].startswith("  type ")
        assert len(lines[lines.index("") + 1].split()) > 2, f"{field} has no text"


def test_every_annotation_is_explained() -> None:
    """With the values that are accepted, and a default that is one of them."""
    assert tuple(ANNOTATIONS) == KNOWN
    for name, one in ANNOTATIONS.items():
        assert facts(name)["values"] == (", ".join(one.values) or "text")
        assert list(topics.lines(name)) == list(topics.lines(f"annotations.{name}"))
        assert not one.values or not one.default or set(one.values) & {*one.default.replace(";", " ").split()}
    assert facts("annotations.keep-revisions")["on"] == "TaskDefinition"
    assert CHOICES["ecsync/adopt"] == ("never", "if-untagged")
    assert OF_APPLICATION["ecsync/suspend"].text in " ".join(" ".join(topics.lines("ecsync/suspend")).split())


def test_the_default_of_an_annotation_is_that_of_the_kinds() -> None:
    """Adoption and deletion have other defaults on some kinds, which the text names."""
    adopted = [kind.name for kind in kinds.ALL if kind.adopt_default == "if-untagged"]
    kept = sorted(kind.name for kind in kinds.ALL if kind.retain_default)
    assert ANNOTATIONS["ecsync/adopt"].default == f"never; on a {adopted[0]} if-untagged"
    assert ANNOTATIONS["ecsync/deletion"].default == f"delete; on a {', '.join(kept[:-1])} or {kept[-1]} retain"


def test_every_setting_is_explained() -> None:
    """By its key, also in an entry, and by its variable."""
    every = list(operator_settings.settings())
    assert len(every) > 80
    for one in every:
        found = facts(f"config.{one.name}")
        assert found["type"] == one.type
        assert found.get("default", "") == one.default
        assert not one.variable or next(topics.lines(one.variable)) == f"config.{one.name}"
    for group in filter(None, operator_settings.groups()):
        assert "  fields" in topics.lines(f"config.{group}")


def test_examples_of_what_can_be_asked() -> None:
    assert facts("Application.sync.interval")["default"] == "`loop.interval` of the operator's config"
    assert facts("Application.sync.mode") == {"type": "string", "values": "observe, enforce", "default": "observe"}
    assert facts("Network.tags")["type"] == "map of string"
    assert facts("config.metrics.per_app") == {
        "type": "true or false",
        "default": "true",
        "variable": "ECSYNC_METRICS_PER_APP",
    }
    assert facts("ECSYNC_HTTP_TOKEN")["variable"] == "ECSYNC_HTTP_TOKEN (never in the file)"
    assert facts("config.targets.role") == facts("config.targets.NAME.role")


def test_every_form_of_a_reference_is_explained() -> None:
    """And each one is a reference: it is read, or is literal text."""
    lines = list(topics.lines("references"))
    assert [line.split("  ")[2] for line in lines[1:]] == list(FORMS)
    assert [form for form in FORMS if not holds_reference(form.replace("Kind", "Service"))] == []


def test_every_output_is_explained() -> None:
    """Where a field has the same name, the field is."""
    for kind in kinds.ALL:
        for output in kind.outputs:
            lines = " ".join(topics.lines(f"{kind.name}.{output}"))
            assert "${" + f"{kind.name}/name.{output}" + "}" in lines or "  absent  " in lines
    assert facts("Listener.defaultRule") == {"output": "${Listener/name.defaultRule}"}


def test_without_a_name_everything_is_listed() -> None:
    text = " ".join(topics.lines(""))
    assert [name for name in (*kinds.BY_NAME, *topics.TOPICS) if name not in text] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Aplication", 'did you mean "Application"?'),
        ("Servce", 'did you mean "Service"?'),
        ("Application.sync.intervall", "Application.sync has no field 'intervall'; did you mean \"interval\"?"),
        ("Application.names.more", "Application.names has no field 'more'"),
        ("ecsync/adpt", 'did you mean "ecsync/adopt"?'),
        ("annotations.replce", 'did you mean "ecsync/replace"?'),
        ("config.http.prot", 'did you mean "http.port"?'),
        ("config.intervall", "unknown setting 'intervall'"),
        ("ECSYNC_HTTP_PROT", 'did you mean "ECSYNC_HTTP_PORT"?'),
        ("Network.tag", 'did you mean "tags"?'),
    ],
)
def test_the_message_about_a_typo_contains_the_nearest_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        list(topics.lines(text))
    assert message in str(refused.value)
