"""Which permissions the life of documents needs: what reads them, what creates and changes them, what deletes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired, Ref
from ecsync.core.trees import Body, leaves
from ecsync.offline.permissions.places import OWN, Forms, Place, Places, expanded
from ecsync.offline.permissions.rights import Condition, rights
from ecsync.offline.permissions.table import ANY, BY_TAG, CREATE_ACTION, DIMENSION, action_of, types_of

Mode = Literal["observe", "apply", "prune"]
MODES: tuple[Mode, ...] = get_args(Mode)  # each one contains those before it
_OWNER = "ecsync:owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A permission, and the call that needs it. `document` is empty for what every pass reads."""

    mode: Mode
    call: str  # ecs.CreateService
    action: str  # ecs:CreateService
    resource: str  # an ARN with `*`, or `*`
    of: str = ""  # the type of resource: ecs.service
    conditions: tuple[Condition, ...] = ()
    purpose: str = ""  # of the conditions, for the Sid
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Manifests in S3."""

    bucket: str
    prefix: str  # ends with a slash, if it is not empty
    lease_key: str  # of an object in the bucket; empty: the lease is elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is used beside AWS's kinds: the sources, the lease and the freeze, as settings name them."""

    sources: tuple[Prefix, ...] = ()
    lease_table: str = ""
    freeze: str = ""  # the name of a parameter of Systems Manager


@dataclass(kw_only=True)
class Life:
    """The documents, and what their places and owners are called."""

    places: Places
    kinds: Mapping[str, Kind]
    installation: str
    home: Place  # of the operator: of the source and the lease
    beside: Beside = field(default_factory=Beside)

    def needs(self, mode: Mode) -> tuple[Need, ...]:
        """Return what a mode needs, each once and in order."""
        wanted = MODES[: MODES.index(mode) + 1]
        return tuple(dict.fromkeys(one for one in self._all() if one.mode in wanted))

    def _all(self) -> Iterator[Need]:
        applications = tuple(self.places.applications)
        for application in applications:
            yield from self._listed(self.places.of(application))
            for desired in application.resources:
                yield from self._read(desired, self.places.of(application))
        for source in self.beside.sources:
            yield from _source(source, self.home)
        yield from _lease_and_freeze(self.beside, self.home)
        owners = self._owners
        for application in applications:
            for desired in application.resources:
                if desired.options.manage and manages(application, desired.key.kind):
                    yield from self._written(application, desired, owners)

    @property
    def _owners(self) -> tuple[str, ...]:
        """The marks of all applications: a document may move from one to another, and its resource with it."""
        names = {name for one in self.places.applications for name in (one.name, *one.formerly)}
        return tuple(f"v1/{self.installation or '*'}/{name}/*" for name in sorted(names))

    @cached_property
    def _referred(self) -> frozenset[Ref]:
        """The outputs that documents refer to."""
        every = (desired for one in self.places.applications for desired in one.resources)
        return frozenset(ref for desired in every for ref in desired.refs)

    # ---------------------------------------------------------------- reads

    def _listed(self, place: Place) -> Iterator[Need]:
        """Yield the reads of every pass: it lists what carries our marks, of every kind.

        The tags of what is listed are in the answers of the tagging API. Which target groups have a load balancer is
        read for services with one, and may be denied (kinds/ecs/_service_read.py). IAM lists no tags: our roles
        have a path of their own, and a profile with the name of such a role may have any path.
        """
        yield from _needs("observe", "resourcegroupstaggingapi.GetResources", {}, place)
        own_roles = place.one("iam.role", f"ecsync/{self.installation or '*'}/*")
        for kind in self.kinds.values():
            if kind.owned is not None and not kind.tagged_as:
                forms = {"iam.role": (own_roles,)}
                for operation in _reads(kind, {}):
                    if not operation.endswith((".ListTagsForResource", ".DescribeTargetGroups")):
                        yield from _needs("observe", operation, forms, place)

    def _read(self, desired: Desired, place: Place) -> Iterator[Need]:
        """Yield the reads of a document. All but those of IAM are of a type: the listings of ours read all of it."""
        kind, body = self.kinds[desired.key.kind], self.places.body(desired.key)
        name = body.get("RoleName", "*")
        forms = {"iam.role": tuple(place.one("iam.role", path) for path in (str(name), f"*/{name}"))}
        unused = {one.operation for output, one in kind.asked.items() if Ref(desired.key, output) not in self._referred}
        for operation in _reads(kind, body):
            if operation not in unused:
                yield from _needs("observe", operation, forms, place, document=desired.key.full)

    # ---------------------------------------------------------------- writes

    def _written(self, application: Application, desired: Desired, owners: tuple[str, ...]) -> Iterator[Need]:
        kind, place = self.kinds[desired.key.kind], self.places.of(application)
        forms, body, name = self.places.forms(desired.key), self.places.body(desired.key), desired.key.full
        creates = kind.shape.operation if kind.shape else ""
        for operation in sorted(kind.writes):
            if _may_occur(operation, body):
                yield from _limited("apply", operation, creates, forms, place, owners, body, name)
        yield from self._tagged(kind, desired, creates, place, owners)
        for right in rights(kind, desired, self.places, place):
            for resource in expanded(right.resource):
                yield Need(
                    mode="apply",
                    call=right.call,
                    action=right.action,
                    resource=resource,
                    conditions=right.conditions,
                    purpose=right.action.partition(":")[2] if right.conditions else "",
                    document=name,
                )
        mode = _deletes_in(kind, desired)
        for operation in sorted(kind.deletes) if mode else ():
            yield from _limited(mode or "prune", operation, creates, forms, place, owners, body, name)

    def _tagged(
        self, kind: Kind, desired: Desired, creates: str, place: Place, owners: tuple[str, ...]
    ) -> Iterator[Need]:
        """Yield the tag calls: with the create, then on what has our mark, and for an adoption on what has none."""
        if kind.tagging is None:
            return
        own = OWN[kind.name]
        service = own.partition(".")[0]
        create_key = CREATE_ACTION.get(service, "")
        puts = sorted(one for one in kind.tagging.operations if not _removes(one))
        removes = sorted(one for one in kind.tagging.operations if _removes(one))
        forms = {own: self.places.forms(desired.key)[own]}
        name = desired.key.full
        if not create_key:
            for operation in (*puts, *removes):
                yield from _needs("apply", operation, forms, place, only=own, document=name)
            return
        create = (("StringEquals", create_key, (creates.partition(".")[2],)),)
        ours = (("StringLike", f"aws:ResourceTag/{_OWNER}", owners),)
        adopts = (
            ("Null", create_key, ("true",)),
            ("Null", f"aws:ResourceTag/{_OWNER}", ("true",)),
            ("StringLike", f"aws:RequestTag/{_OWNER}", owners),
        )
        for operation in puts:
            yield from _needs("apply", operation, forms, place, create, "AtCreate", own, name)
            yield from _needs("apply", operation, forms, place, ours, "Ours", own, name)
            yield from _needs("apply", operation, forms, place, adopts, "Adopt", own, name)
        for operation in removes:
            yield from _needs("apply", operation, forms, place, ours, "Ours", own, name)


def manages(application: Application, kind: str) -> bool:
    """Return whether an application writes a kind (`manage`); without `manage`, all but Role."""
    return kind in application.manage if application.manage else kind != "Role"


def _reads(kind: Kind, body: Body) -> list[str]:
    """Return the reads of a document; namespaces are looked up only where one is declared by name."""
    named = any(path[-1:] == ("namespace",) and not str(leaf).startswith("arn:") for path, leaf in leaves(body))
    return sorted(one for one in kind.reads if named or one != _NAMESPACES)


_NAMESPACES = "servicediscovery.ListNamespaces"


def _removes(operation: str) -> bool:
    return operation.partition(".")[2].startswith(("Untag", "Remove", "Delete"))


def _deletes_in(kind: Kind, desired: Desired) -> Mode | None:
    """Return the mode in which the resource of a document may be deleted; None for never.

    A replacement deletes, and a resource that is declared absent is deleted without pruning.
    """
    options = desired.options
    replaces = kind.replaces_itself or options.replace == "allow" or options.keep_revisions
    if replaces or options.state == "absent":
        return "apply"
    return "prune" if options.deletion == "delete" else None


_OF_PROFILES = ("CreateInstanceProfile", "AddRoleToInstanceProfile")


def _may_occur(operation: str, body: Body) -> bool:
    """Return whether a write may occur for a document: not for a part that it does not declare."""
    service, _, name = operation.partition(".")
    if service == "iam" and name.endswith("InstanceProfile"):
        return body.get("InstanceProfile") is not None and (bool(body["InstanceProfile"]) or name not in _OF_PROFILES)
    return operation != "iam.AttachRolePolicy" or bool(body.get("ManagedPolicyArns"))


def _limited(
    mode: Mode, operation: str, creates: str, forms: Forms, place: Place, owners: tuple[str, ...], body: Body, name: str
) -> Iterator[Need]:
    """Yield the needs of a write, with the conditions that its resource type knows."""
    for of in types_of(operation):
        conditions: tuple[Condition, ...] = ()
        purpose = ""
        if of in BY_TAG:
            key, purpose = ("RequestTag", "Create") if operation == creates else ("ResourceTag", "Ours")
            conditions = (("StringLike", f"aws:{key}/{_OWNER}", owners),)
        elif of == "application-autoscaling.scalable-target":
            conditions = tuple(("StringEquals", key, (value,)) for key, value in DIMENSION)
        elif operation == "iam.AttachRolePolicy":
            arns = tuple(sorted(map(str, body.get("ManagedPolicyArns") or ())))
            conditions, purpose = (("ArnLike", "iam:PolicyARN", arns),), "Attach"
        yield from _needs(mode, operation, forms, place, conditions, purpose, of, name)


def _needs(
    mode: Mode,
    operation: str,
    forms: Mapping[str, Iterable[str]],
    place: Place,
    conditions: tuple[Condition, ...] = (),
    purpose: str = "",
    only: str = "",
    document: str = "",
) -> Iterator[Need]:
    for of in types_of(operation):
        if only and of != only:
            continue
        for arn in (ANY,) if of == ANY else forms.get(of) or (place.every(of),):
            for resource in expanded(arn):
                yield Need(
                    mode=mode,
                    call=operation,
                    action=action_of(operation),
                    resource=resource,
                    of=of,
                    conditions=conditions,
                    purpose=purpose,
                    document=document,
                )


def _source(source: Prefix, home: Place) -> Iterator[Need]:
    bucket = f"arn:{home.partition}:s3:::{source.bucket}"
    listed: tuple[Condition, ...] = ()
    if source.prefix:
        listed = (("StringLike", "s3:prefix", (f"{source.prefix}*",)),)
    yield Need(
        mode="observe",
        call="s3.ListObjectsV2",
        action="s3:ListBucket",
        resource=bucket,
        conditions=listed,
        purpose="List" if listed else "",
    )
    objects = f"{bucket}/{source.prefix}*"
    yield Need(mode="observe", call="s3.GetObject", action="s3:GetObject", resource=objects)
    if source.lease_key:
        lease = f"{bucket}/{source.lease_key}"
        yield Need(mode="apply", call="s3.PutObject", action="s3:PutObject", resource=lease)
    if listed:
        # s3.GetObject: without s3:ListBucket, an index or a lease that is not there is "denied". It has no prefix.
        missing: tuple[Condition, ...] = (("Null", "s3:prefix", ("true",)),)
        yield Need(
            mode="observe",
            call="s3.GetObject",
            action="s3:ListBucket",
            resource=bucket,
            conditions=missing,
            purpose="Missing",
        )


def _lease_and_freeze(beside: Beside, home: Place) -> Iterator[Need]:
    if beside.lease_table:
        table = home.arn("dynamodb:{region}:{account}:table/" + beside.lease_table)
        for name in ("GetItem", "PutItem"):
            yield Need(mode="apply", call=f"dynamodb.{name}", action=f"dynamodb:{name}", resource=table)
    if beside.freeze:
        # The ARN of a parameter has one slash before its name, also where the name begins with one.
        parameter = home.arn("ssm:{region}:{account}:parameter/" + beside.freeze.removeprefix("/"))
        yield Need(mode="apply", call="ssm.GetParameter", action="ssm:GetParameter", resource=parameter)
