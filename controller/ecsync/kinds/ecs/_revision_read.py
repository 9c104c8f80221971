"""Reads of task definitions: which revision of a family is the live one (docs/rules.md R17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Owned, Wanted, World
from ecsync.core.model import Absent, Key, Observed, Present, Unreadable
from ecsync.core.ports import Reader
from ecsync.core.resource_diff import as_live
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import belongs, pick, read_tags, tagged_arns, without, without_nones
from ecsync.kinds.ecs._old_revisions import surplus
from ecsync.kinds.ecs._revision_state import state_now
from ecsync.kinds.ecs._revisions import describe, family_of, listed, newest, newest_of, number_in
from ecsync.kinds.ecs._shared import is_resolved, role_name
from ecsync.kinds.ecs._task_definition_rules import ROLES, RULES

# A newer member of RegisterTaskDefinition that is not in this list is read if it is declared.
_MEMBERS = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
    "trustedExecutionConfiguration",
)


def read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    running: Mapping[str, Sequence[str]] = _running(world)
    # What an unreadable service runs is not known: then the revision of the last pass saves the listing.
    unread = any(key.kind == "Service" and isinstance(one, Unreadable) for key, one in world.items())
    unlisted: list[tuple[Wanted, Sequence[str], list[Body]]] = []
    for want in wanted:  # in the steady state one describe call is enough
        known = [want.revision] if unread and want.revision else ()
        runs, others = running.get(str(want.body["family"]), known), list[Body]()
        found = _with_content(reader, want, runs, dict.fromkeys(runs), others)
        if found is None:
            unlisted.append((want, runs, others))
        else:
            yield want.key, _with_surplus(reader, want, found)
    newest_in = newest_of(reader, {str(want.body["family"]) for want, _, _ in unlisted})
    for want, runs, others in unlisted:
        rest = [arn for arn in newest_in(str(want.body["family"])) if arn not in runs]
        present = _with_content(reader, want, runs, rest, others) or _without_content(reader, want, runs, others)
        yield want.key, _with_surplus(reader, want, present)


def _with_content(
    reader: Reader, want: Wanted, running: Sequence[str], arns: Iterable[str], others: list[Body]
) -> Present | None:
    """Return the first ACTIVE revision with the desired content, and note those without it (docs/rules.md R17).

    If the document ignores a field, a revision that does not run must have the value of the field that runs.
    """
    for arn in arns:
        revision = describe(reader, arn)
        if revision is None:
            continue
        known = _arn(revision) == want.revision and not want.ignore
        wanted = want if arn in running or not others else _as_in(others[0], want)
        if not known and not _has_content(revision, wanted):
            others.append(revision)
            continue
        latest = _newest_running(reader, revision, want, running)
        found = _active(reader, latest, want.body) or _active(reader, revision, want.body)
        if found is not None:
            return _marked(reader, want, replace(found, revision=str(found.outputs["arn"])))
    return None


def _without_content(reader: Reader, want: Wanted, running: Sequence[str], others: list[Body]) -> Present | Absent:
    """Return the ACTIVE revision that a new one follows: our newest one, else the newest one (docs/rules.md R17).

    If the document ignores a field, it is the one that runs: a new revision takes the value of the field from it.
    """

    def rank(one: Body) -> tuple[bool, int]:
        return (_arn(one) in running if want.ignore else _owner(one) == want.owner), _number(one)

    active = (_active(reader, one, want.body) for one in sorted(others, key=rank, reverse=True))
    return next((_marked(reader, want, one) for one in active if one is not None), Absent())


def _as_in(revision: Body, want: Wanted) -> Wanted:
    """Return what is wanted, with the values that a revision has in the ignored fields."""
    if not want.ignore:
        return want
    live = present_of(revision["taskDefinition"], (), want.body).body
    return replace(want, body=as_live(want.body, live, want.ignore, RULES), ignore=())


def _marked(reader: Reader, want: Wanted, found: Present) -> Present:
    """Return a revision with our marks, also where another client registered it because it decides an ignored field.

    Our marks are those of the family: another revision has them. Without one, the family is not ours.
    """
    if not want.ignore or found.marks is not None:
        return found
    for arn in _ours(reader, want):
        described = describe(reader, arn)
        one = _active(reader, described, want.body) if described is not None else None
        if one is not None and one.marks is not None and one.marks.owner == want.owner:
            return replace(found, marks=one.marks, facts={**found.facts, "marked": arn})
    return found


def _ours(reader: Reader, want: Wanted) -> list[str]:
    """Return the revisions of the family that may have our marks, newest first."""
    family = str(want.body["family"])
    tagged = tagged_arns(reader, "ecs:task-definition", want.owner.removeprefix("v1/"))
    found = dict.fromkeys((*newest(reader, family), *(arn for arn in tagged if family_of(arn) == family)))
    return sorted(found, key=number_in, reverse=True)


def _newest_running(reader: Reader, found: Body, want: Wanted, running: Iterable[str]) -> Body:
    """Return the newest running revision with this content, so that the order of the services does not matter."""
    newer = {number: arn for arn in running if (number := number_in(arn)) > _number(found)}
    described = (describe(reader, newer[number]) for number in sorted(newer, reverse=True))
    return next((one for one in described if one is not None and _has_content(one, want)), found)


def _arn(described: Body) -> str:
    return str(described["taskDefinition"]["taskDefinitionArn"])


def _number(described: Body) -> int:
    return int(described["taskDefinition"]["revision"])


def _active(reader: Reader, revision: Body, declared: Body) -> Present | None:
    """Return a revision with its current tags; None if it is not ACTIVE any more. Its content may be of the cache."""
    now = state_now(reader, _arn(revision))
    return present_of(revision["taskDefinition"], now["tags"], declared) if now is not None else None


def _with_surplus(reader: Reader, want: Wanted, found: Present | Absent) -> Present | Absent:
    """Add the facts about our older revisions to delete, if the document declares how many stay."""
    if not (want.keep and want.managed and isinstance(found, Present)):
        return found
    if found.marks is None or found.marks.owner != want.owner:
        return found
    family = str(want.body["family"])
    candidates = _older(reader, want, family, (str(found.outputs["arn"]), found.facts.get("marked")))
    return replace(found, facts={**found.facts, **surplus(reader, family, candidates, want.owner)})


def _older(reader: Reader, want: Wanted, family: str, kept: Sequence[str | None]) -> Iterator[str]:
    """Yield our revisions beyond the `keep` newest of the family, oldest first; never those that are kept."""
    for arn in reversed(list(islice(listed(reader, family), want.keep, None))):
        described = describe(reader, arn) if arn not in kept else None
        if described is not None and _owner(described) == want.owner:
            yield arn


def _running(world: World) -> Mapping[str, list[str]]:
    """Return the revisions that the observed services run, by family."""
    found: dict[str, list[str]] = {}
    for key, observed in world.items():
        if key.kind == "Service" and isinstance(observed, Present):
            arn = observed.body.get("taskDefinition")
            if isinstance(arn, str) and arn.startswith("arn:"):
                found.setdefault(family_of(arn), []).append(arn)
    return found


def _has_content(described: Body, want: Wanted) -> bool:
    """Return whether a revision has the desired content; False for a body with unresolved references."""
    if not is_resolved(want.body):
        return False
    live = present_of(described["taskDefinition"], (), want.body).body
    return not differences(without(want.body, "tags"), without(live, "tags"), RULES, ignore=want.ignore).fields


def _owner(described: Body) -> str:
    return marks.tag_map(described.get("tags")).get(marks.OWNER, "")


def present_of(revision: Body, tags: Json, declared: Body) -> Present:
    """Return a revision in the shape of RegisterTaskDefinition."""
    manifest_tags, our_marks, foreign = read_tags(tags)
    picked = pick(revision, *_MEMBERS, *(one for one in declared if one != "tags"))
    if not picked.get("networkMode") and declared.get("networkMode") == "default":
        picked["networkMode"] = "default"  # AWS may leave `default` out; it returns bridge for bridge
    for member in ROLES:
        if _same_role(picked.get(member), declared.get(member)):
            picked[member] = declared[member]
    body = without_nones({**picked, "tags": manifest_tags})
    outputs = {
        "arn": revision["taskDefinitionArn"],
        "family": revision["family"],
        "revision": str(revision["revision"]),
    }
    facts = {"status": revision.get("status", "ACTIVE")}
    return Present(body=body, outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def _same_role(live: Json, declared: Json) -> bool:
    """Return whether one of two roles is a name that matches the other: a name does not contain an account."""
    if not isinstance(live, str) or not isinstance(declared, str):
        return False
    by_name = not (live.startswith("arn:") and declared.startswith("arn:"))
    return by_name and bool(role_name(live) == role_name(declared))


def printed(live: Body, declared: Body) -> Present:
    """Return a document as DescribeTaskDefinition returns it; one that is not registered has no ARN and number."""
    unregistered = {"taskDefinitionArn": "", "family": "", "revision": 0}
    return present_of({**unregistered, **live}, live.get("tags"), declared)


def owned(reader: Reader, scope: str) -> Iterator[Owned]:
    """Yield our newest ACTIVE revision of each family."""
    families = {family_of(arn) for arn in tagged_arns(reader, "ecs:task-definition", scope)}
    for family in sorted(families):
        for arn in newest(reader, family):
            described = describe(reader, arn)
            present = _active(reader, described, {}) if described is not None else None
            if present is not None and present.marks and belongs(present, scope):
                yield Owned(marks=present.marks, natural=family, present=present)
                break
