"""One member of a kind at a time in the simulated AWS: a later read returns it, or the write is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from botocore import xform_name

from ecsim import Settings, Simulator, VirtualClock
from ecsync import kinds
from ecsync.aws.clients import Access, Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.core import marks, plan
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import Absent, Application, Delete, Desired, Key, Observed, Present, Unreadable
from ecsync.core.ports import AwsError
from ecsync.core.trees import Json, dotted, pattern, transform
from ecsync.engine.observe import observe
from tests.chaos import wire
from tests.kinds.conformance import ACCOUNT, LONG, NOW, REGION, Account, application, unlimited
from tests.kinds.member_values import ALONE, BESIDE, MORE_READS, RETURNED_AS, VALUES
from tests.kinds.members import Member, Returned, as_text, put, returned
from tests.kinds.shaped import body_shape

Verdict = Literal["kept", "refused", "dropped"]
Body = dict[str, Any]
FAILURES = ("InternalFailure", "NotImplemented")  # of the simulator: not an answer of AWS
REFERENCE = re.compile(r"\$\{(\w+/\w+)\.(\w+)\}")


@dataclass(frozen=True)
class Made:
    """A resource that was created: what AWS returns of it, and the inputs of a plan with it alone."""

    returned: Returned
    inputs: Inputs
    key: Key

    @property
    def left(self) -> list[str]:
        """The fields that a plan would change now, with the live and the declared value."""
        fields = [one for step in plan.build(self.inputs).steps for one in step.fields]
        return [f"{dotted(one.path)}: {one.before} → {one.after}" for one in fields]


@dataclass(frozen=True)
class Tried:
    """What became of one member."""

    verdict: Verdict
    why: str
    made: Made | None = None  # of a member that is kept


@dataclass
class Recording:
    """A reader that keeps AWS's answers."""

    cloud: BotoCloud
    answers: list[Any] = field(default_factory=list)

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer = self.cloud.call(service, operation, **params)
        self.answers.append(answer)
        return answer

    cached = call

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        for item in self.cloud.pages(service, operation, result, **params):
            self.answers.append(item)
            yield item


@dataclass
class Bench:
    """An account with the resources of a manifest, except one kind and what depends on it."""

    account: Account
    inputs: Inputs
    document: Desired  # of that kind, with the values of its references
    attempts: int = 0

    @property
    def kind(self) -> Kind:
        """The kind."""
        return self.inputs.kind(self.document.key)

    @cached_property
    def plain(self) -> Made:
        """The document itself."""
        return self.created(self.document.body)

    def tried(self, member: Member) -> Tried:
        """Try values of a member one after the other, until AWS takes one that is not its own."""
        beside = self._beside(member)
        refusals = []
        for value in VALUES.get(self.kind.name, {}).get(str(member)) or member.values():
            sent = self._known(value)
            body = put(body_shape(self.kind), self.document.body, member.path, sent, beside)
            name = sent if member.path == (self.kind.name_member,) else ""
            problems = [*self.kind.check(body)]
            if problems:
                refusals.append(f"in a manifest: {problems[0]}")
                continue
            try:
                made = self.created(body, name)
            except AwsError as error:
                if error.code in FAILURES:
                    return Tried("dropped", f"{error.code}: {error.message}")
                refusals.append(f"{error.code}: {error.message}")
                continue
            found = made.returned
            name, other = RETURNED_AS.get(self.kind.name, {}).get(str(member), (member.name, ""))
            pair = name, other or as_text(sent)
            if (found - self.plain.returned)[pair]:
                return Tried("kept", str(value), made)
            if not found[pair]:
                return Tried("dropped", f"AWS took {value!r}, and does not return it")
            refusals.append(f"{value!r} is AWS's own value")
        return Tried("refused", refusals[0])

    def _beside(self, member: Member) -> dict[tuple[str, ...], Body]:
        """Return what the blocks of a member have beside it; a longer prefix of its path decides."""
        found: dict[tuple[str, ...], Body] = {}
        prefixes = BESIDE.get(self.kind.name, {})
        for prefix in sorted(prefixes, key=len):
            if member.path[: len(pattern(prefix))] == pattern(prefix):
                for path, block in prefixes[prefix].items():
                    at = pattern(path) if path else ()
                    found[at] = {**found.get(at, {}), **self._known(block)}
        return found

    def created(self, body: Mapping[str, Any], name: str = "", *, stays: bool = False) -> Made:
        """Create a resource with a body, and read it; without a name it gets one of its own. Raises AWS's error.

        One that takes the place of others is deleted again, unless it `stays`.
        """
        self.attempts += 1
        key = self.document.key._replace(name=f"kept{self.attempts}")
        named = {self.kind.name_member: name or key.name} if self.kind.name_member else {}
        document = replace(self.document, key=key, body={**body, **named})
        now = replace(
            self.inputs,
            application=replace(self.inputs.application, resources=(document,)),
            world={**self.inputs.world, key: Absent()},
        )
        recording = Recording(self.account.cloud)
        try:
            for _ in range(2):  # a security group is created, and its rules are changed then
                for step in plan.build(now).steps:
                    now = self.account.carry_out(now, step)
            observed = now.world[key]
            if isinstance(observed, Unreadable):
                raise AwsError("invalid", "Unreadable", observed.error, "read")
            self.account.simulator.advance(LONG)
            wanted = Wanted(key=key, body=document.body, owner=marks.owner(now.installation, key))
            for _, now_live in self.kind.read(recording, [wanted], now.world):
                now = replace(now, world={**now.world, key: now_live})
            for service, operation, member in MORE_READS.get(self.kind.name, ()):
                client = self.account.cloud._client(service, operation, once=True)
                recording.answers.append(
                    getattr(client, xform_name(operation))(**{member: document.body[self.kind.name_member]})
                )
        finally:
            if not stays and is_alone(self.kind):
                self.delete(now.world.get(key))
        return Made(returned(recording.answers), now, key)

    def settled(self, inputs: Inputs) -> Inputs:
        """Carry out the plans of a document until nothing is left, at most four; return the last inputs."""
        (document,) = inputs.application.resources
        for _ in range(4):
            steps = [step for step in plan.build(inputs).steps if step.calls]
            for step in steps:
                inputs = self.account.carry_out(inputs, step)
            self.account.simulator.advance(LONG)
            inputs = replace(inputs, world=observe(self.account.cloud, inputs, NOW, only=[document.key]))
            if not steps:
                break
        return inputs

    def delete(self, observed: Observed | None) -> None:
        """Delete a resource without a name, so that the next one can be created in its place."""
        if isinstance(observed, Present):
            assert self.kind.calls is not None
            for call in self.kind.calls(Delete(key=self.document.key, observed=observed)):
                self.account.cloud.write(call.service, call.operation, **call.params)

    def _known(self, tree: Json) -> Json:
        """Return a tree with the values of its references: `${TargetGroup/web.arn}`."""

        def value(found: re.Match[str]) -> str:
            kind, name = found[1].split("/")
            present = self.inputs.world[Key(application="shop", kind=kind, name=name)]
            assert isinstance(present, Present)
            output = present.outputs[found[2]]
            return output if isinstance(output, str) else output[0]

        return transform(tree, lambda leaf: REFERENCE.sub(value, leaf) if isinstance(leaf, str) else leaf)


def is_alone(kind: Kind) -> bool:
    """Return whether one resource of a kind takes the place of another."""
    return not kind.name_member or kind.name in ALONE


def account_in_process() -> Account:
    """Return a simulated account in this process."""
    simulator = Simulator(Settings(region=REGION, account=ACCOUNT, settling=False), VirtualClock())
    clients = Clients(Access(region=REGION, endpoint_url=wire.URL))
    wire.Wire(simulator.gateway).connect(clients)
    return Account(simulator, unlimited(clients))


def bench(account: Account, kind: Kind) -> Bench:
    """Return one for a kind. Resources with names stand beside those of the manifests; others take their place."""
    whole = application("plain.yaml", "members.yaml")
    document = next(one for one in whole.resources if one.key.kind == kind.name)
    if is_alone(kind):
        whole = replace(whole, resources=tuple(_independent(whole, document.key)))
    if account.application != whole:
        account.simulator.reset()
        account.converge(whole)
    inputs = account.inputs(whole)
    resolved = inputs.resolved(document)
    unnamed = {member: value for member, value in resolved.body.items() if member != kind.name_member}
    return Bench(account, inputs, replace(resolved, body=unnamed))


def _independent(whole: Application, key: Key) -> Iterator[Desired]:
    """Yield the documents that do not depend on a resource."""
    dependent = {key}
    while more := {one.key for one in whole.resources if _before(whole, one) & dependent} - dependent:
        dependent |= more
    yield from (one for one in whole.resources if one.key not in dependent)


def _before(whole: Application, document: Desired) -> set[Key]:
    needs = kinds.BY_NAME[document.key.kind].needs
    return {ref.key for ref in document.refs} | {*(needs(document, whole.documents) if needs else ())}
