"""Stacks with one member each: each member of each kind that a manifest may declare, as the simulated AWS keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ecsync.core import plan
from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.trees import Json, Path, dotted, leaves
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.reconciler import ObservedPlan
from tests.kinds.conformance import Account
from tests.kinds.kept import Bench, Made, Tried, bench, is_alone
from tests.kinds.members import members
from tests.kinds.shaped import body_shape
from tests.whole.support.forgetful import Changes, Stack


@dataclass(frozen=True)
class Kept:
    """One member of a kind that AWS keeps."""

    name: str
    place: Bench
    made: Made
    before: Mapping[Path, Json]  # the values of a resource without it

    @property
    def stack(self) -> Stack:
        """A stack with a resource that has the member."""
        inputs = self.made.inputs
        application = replace(inputs.application, sync=replace(inputs.application.sync, mode="enforce"))
        catalogue = Catalogue(applications={application.name: application}, revision=self.name)
        observed = ObservedPlan(inputs=replace(inputs, application=application), plan=plan.build(inputs))
        return Stack(catalogue, observed)

    @property
    def changes(self) -> list[Changes]:
        """What AWS may make of the values that the member adds."""
        values = _values(self.made)
        added = {path for path, value in values.items() if value != self.before.get(path)}
        return list(self.stack.waves(lambda key, path: key == self.made.key and path in added))

    def added_and_removed(self) -> list[str]:
        """Add the member to a live resource by updates, and remove it again; return what is left to change then.

        A change that waits is none: a service does not leave a target group that has traffic.
        """
        before = self.place.created(self.place.document.body, stays=True)
        (plain,), (document,) = before.inputs.application.resources, self.made.inputs.application.resources
        name = {self.place.kind.name_member: plain.body.get(self.place.kind.name_member)}
        inputs, problems = before.inputs, []
        try:
            for what, body in (
                ("added", {**document.body, **(name if plain.body.keys() & name else {})}),
                ("removed", plain.body),
            ):
                application = replace(inputs.application, resources=(replace(plain, body=body),))
                inputs = self.place.settled(replace(inputs, application=application))
                left = [step for step in plan.build(inputs).steps if not step.waiting]
                problems += [f"{self.name} {what}: {dotted(one.path)}" for step in left for one in step.fields]
        finally:
            if is_alone(self.place.kind):
                self.place.delete(inputs.world.get(before.key))
        return problems


def kept(account: Account, kind: Kind) -> Iterator[Kept]:
    """Yield each member of a kind that AWS keeps; first the document that they are added to."""
    place = bench(account, kind)
    return kept_of(place, ((str(member), place.tried(member)) for member in members(body_shape(kind))))


def kept_of(place: Bench, tried: Iterable[tuple[str, Tried]]) -> Iterator[Kept]:
    """Yield the same for members that were tried."""
    plain, name = _values(place.plain), place.kind.name
    yield Kept(name, place, place.plain, {})
    for member, one in tried:
        if one.made is not None:
            yield Kept(f"{name} {member}", place, one.made, plain)


def _values(made: Made) -> dict[Path, Json]:
    found = made.inputs.world[made.key]
    assert isinstance(found, Present)
    return dict(leaves(found.body))
