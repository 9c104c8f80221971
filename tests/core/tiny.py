"""Shared by the tests of the core: kinds, documents, and live resources as they are after a create."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsync.core import marks, plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.marks import declared_form
from ecsync.core.model import (
    Application,
    Call,
    Change,
    Desired,
    Key,
    Marks,
    Observed,
    Options,
    Present,
    Ref,
    Sync,
    Target,
    Text,
)
from ecsync.core.outcome import Plan
from ecsync.core.rules import (
    Computed,
    Default,
    Immutable,
    Keyed,
    Late,
    Refers,
    Released,
    Reverts,
    Rolls,
    Sensitive,
    Unordered,
    WriteOnly,
)
from ecsync.core.trees import Body
from ecsync.testing import memory_kind


def _register(change: Change) -> tuple[Call, ...]:
    """Compile a change of a recipe: each one is a new revision."""
    body = change.desired.body if not hasattr(change, "key") else {}
    return (Call(service="memory", operation="RegisterRecipe", params=body, captures={"id": ("id",)}),)


LOOKUP = memory_kind("Lookup", calls=None, tagging=None)  # only ever read
RECIPE = memory_kind("Recipe", any_change="revise", invalidates={"revise": ("id",)}, calls=_register)
WIDGET = memory_kind(
    "Widget",
    rules=(
        Default(path="size", value=1),
        Computed(path="address"),
        Computed(path="net.port"),
        WriteOnly(path="login.pin"),
        Sensitive(path="login.pin"),
        Computed(path="net.zone"),
        Sensitive(path="password"),
        Immutable(path="zone"),
        Rolls(path="recipe"),
        Rolls(path="net"),
        Late(path="peers"),
        Refers(path="recipe", kind="Recipe"),
        Unordered(path="zones"),
        Keyed(path="knobs", key=("Key",), value="Value"),
        Computed(path="knobs.*"),
        Computed(path="knobs"),
        Computed(path="mode"),
        Computed(path="colours"),
        Reverts(path="mode", value=lambda facts: facts.get("modeOfAccount")),
        Reverts(path="colours", value=lambda _: []),
        Released(path="knobs", value=lambda knob, _: {"speed": "0", "colour": "grey"}.get(knob)),
    ),
)
GADGET = memory_kind(
    "Gadget",
    rules=(
        Refers(path="widget", kind="Widget"),
        Refers(path="widgets[]", kind="Widget"),
        Refers(path="parent", kind="Gadget"),
    ),
)
BARE = memory_kind("Bare", tagging=None)  # cannot carry marks
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (LOOKUP, RECIPE, WIDGET, GADGET, BARE)}
TARGET = Target(account="111111111111", region="eu-west-1")


def at(path: str, application: str = "shop") -> Key:
    """Return the key of `Kind/name`."""
    kind, name = path.split("/")
    return Key(application=application, kind=kind, name=name)


def to(path: str, output: str = "id") -> Text:
    """Return a reference to an output of `Kind/name`."""
    return Text((Ref(at(path), output),))


def doc(path: str, options: Options | None = None, **body: Any) -> Desired:
    """Return the document `Kind/name`."""
    key = at(path)
    return Desired(key=key, body={"name": key.name, **body}, options=options or Options())


def live(document: Desired, applied: Body | None = None, owner: str = "", **body: Any) -> Present:
    """Return a resource as it is after a create from the document; `body` are the members that changed since.

    `applied` is the body that the mark records, `owner` another owner mark.
    """
    key = document.key
    natural = marks.identity(Inputs.physical(inputs(), key.kind, str(document.body["name"])))
    packed = marks.pack(declared_form(applied or document.body, KINDS[key.kind].rules), maps=("knobs",))
    mark = Marks(owner=owner or marks.owner("prod", key), id=natural, applied=marks.unpack(packed))
    return Present(
        body={**document.body, **body},
        outputs={"id": f"{key.kind}-{key.name}".lower(), "name": str(document.body["name"])},
        marks=mark,
    )


def bare(document: Desired, foreign: str = "", **body: Any) -> Present:
    """Return a resource without our marks."""
    found = live(document, **body)
    return Present(body=found.body, outputs=found.outputs, foreign=foreign)


def inputs(
    *documents: Desired, world: Mapping[str, Observed] | None = None, prune: bool = False, **more: Any
) -> Inputs:
    """Return the inputs of a plan; the keys of the world are `Kind/name`."""
    application = more.pop("application", None) or Application(
        name="shop", sync=Sync(mode="enforce", prune=prune), resources=documents
    )
    seen = {at(path): observed for path, observed in (world or {}).items()}
    return Inputs(application=application, kinds=KINDS, world=seen, target=TARGET, installation="prod", **more)


def plan_of(*documents: Desired, world: Mapping[str, Observed], **more: Any) -> Plan:
    """Return the plan of documents over a world."""
    return plan.build(inputs(*documents, world=world, **more))


def steps(found: Plan) -> list[tuple[str, str]]:
    """Return (step, type of change) of each step, in order."""
    return [(str(step.id), type(step.change).__name__) for step in found.steps]


def calls(found: Plan) -> list[str]:
    """Return the operations of all calls in order."""
    return [call.operation for step in found.steps for call in step.calls]
