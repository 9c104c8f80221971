"""Successive edits of one file: each must change exactly its paths, in one new revision."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsync import kinds
from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind
from ecsync.core.model import Create, Replace
from ecsync.core.outcome import Plan, Step
from ecsync.core.trees import Path, thaw
from tests.corpus import filling, places
from tests.corpus.account import Account, Body, left, loaded
from tests.corpus.filling import Services
from tests.corpus.results import REJECTED, Entry, Result, rejection

_TASK = kinds.BY_NAME["TaskDefinition"]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Two revisions of a file with their templates filled in, and the changed paths of the index."""

    account: Account
    kind: Kind
    file: str
    old: Body
    new: Body
    changed: Sequence[str]

    @property
    def is_task(self) -> bool:
        """Return whether the file is a task definition; otherwise it is a service."""
        return self.kind is _TASK

    def name(self, side: Body) -> str:
        """Return the AWS name of the resource of one side."""
        return str(places.inner(side).get(self.kind.name_member))

    def unlike(self, plan: Plan, new: Body, *, but: str = "") -> str:
        """Return the difference of the plan of the new side and the index, without member `but`; empty if equal."""
        changed = [text for text in self.changed if not (but and places.names([text], but))]
        return places.unlike(self.kind, self.old, new, changed, _paths(plan))


def chain(account: Account, entry: Entry, read: Callable[[str], Mapping[str, Any]]) -> Iterator[Result]:
    """Compare each revision with the last valid one before it. The paths of skipped revisions are added."""
    before: Mapping[str, Any] | None = None
    changed: list[str] = []
    for number, revision in enumerate(entry["revisions"]):
        kind = kinds.BY_NAME["TaskDefinition" if "taskdef" in revision["file"] else "Service"]
        tried = {"file": revision["file"], "what": f"{'task definition' if kind is _TASK else 'service'}, edited"}
        changed += revision["changed_from_previous"]
        if not revision["valid"]:
            if number:
                yield Result(**tried, outcome="invalid, tested separately")
            continue
        after = read(revision["file"])
        rejected = _rejected_by_aws(account, after) if kind is _TASK else ""
        if rejected:
            yield Result(**tried, outcome=REJECTED, why=rejected)
            continue
        if before is not None:
            account.empty()
            old, new = _filled(account, kind, (before, after), entry["repo"].partition("/")[2])
            outcome, why = _tried(
                Edit(account=account, kind=kind, file=revision["file"], old=old, new=new, changed=changed)
            )
            yield Result(**tried, outcome=outcome, why=why)
        before, changed = after, []


def _filled(account: Account, kind: Kind, both: Sequence[Mapping[str, Any]], name: str) -> tuple[Body, Body]:
    services = Services(account, both)
    old, new = (filling.task(one)[0] if kind is _TASK else services.fill(one, name)[0] for one in both)
    return old, new


def _rejected_by_aws(account: Account, document: Mapping[str, Any]) -> str:
    """Return the error of AWS for a task definition that ecsync rejects; empty if either of them accepts it."""
    whole = filling.task(document)[0]
    ours = _problems(whole)
    if not ours:
        return ""
    assert _TASK.shape is not None
    account.empty()
    ecs, members = account.aws("ecs"), load(_TASK.shape).members
    try:
        ecs.register_task_definition(**{name: value for name, value in places.inner(whole).items() if name in members})
    except ecs.exceptions.ClientException as error:
        return f"{'; '.join(ours)}: {error}"
    return ""


# ---------------------------------------------------------------- one edit


def _tried(edit: Edit) -> tuple[str, str]:
    """Apply the old side, then plan and apply the new side. Return the outcome and the reason."""
    rejected = [problem for one in (edit.old, edit.new) for problem in _problems(one)]
    if rejected:
        return rejection(edit.file, rejected), "; ".join(rejected)
    obstacle = edit.account.keep(edit.old)
    if obstacle:
        return "not applied", obstacle
    if edit.name(edit.old) != edit.name(edit.new):
        return _another_resource(edit)
    plan = edit.account.plan(edit.new)
    unlike = edit.unlike(plan, edit.new)
    if unlike:
        return "wrong paths", unlike
    if plan.withheld:
        return _held(edit, plan)
    since = len(edit.account.simulator.ledger)
    obstacle = edit.account.keep(edit.new) or "; ".join(left(edit.account.plan(edit.new)))
    if obstacle:
        return "not applied", obstacle
    wrong = _other_calls(edit, since, 1 if any(path[0] != "tags" for path in _paths(plan)) else 0)
    return ("wrong calls", wrong) if wrong else ("exact" if _paths(plan) else "exact: no change for AWS", "")


def _other_calls(edit: Edit, since: int, changes: int) -> str:
    """Return the calls, if they are not the expected number of changes, apart from tags; empty if they are."""
    called = [one.partition(":")[2] for one in edit.account.simulator.ledger.operations(since)]
    content = [one for one in called if one not in ("TagResource", "UntagResource")]
    wanted = ["RegisterTaskDefinition" if edit.is_task else "UpdateService"] * changes
    return "" if content == wanted else f"{called}, not {wanted}"


def _another_resource(edit: Edit) -> tuple[str, str]:
    """Test an edit of the name: with the old name, the paths; with the new name, a second resource and an orphan."""
    member = edit.kind.name_member
    if not places.names(edit.changed, member):
        return "wrong name", f"{member} is not in {edit.changed}"
    same = thaw(edit.new)
    places.inner(same)[member] = edit.name(edit.old)
    unlike = edit.unlike(edit.account.plan(same), same, but=member)
    if unlike:
        return "wrong paths", unlike
    plan = edit.account.plan(edit.new)
    made = [step for step in plan.steps if isinstance(step.change, Create) and step.id.key.name == edit.name(edit.new)]
    lost = [held.step for held in plan.withheld]
    if len(made) != 1 or tuple(made) != plan.steps or not _is_orphan(edit, lost):
        return "wrong steps", "; ".join(left(plan))
    since = len(edit.account.simulator.ledger)
    obstacle = edit.account.keep(edit.new)
    after = edit.account.plan(edit.new)
    if after.steps or not _is_orphan(edit, [held.step for held in after.withheld]):
        return "not applied", obstacle
    wrong = _other_calls(edit, since, 1)
    return ("wrong calls", wrong) if wrong else ("exact, new resource", "")


def _is_orphan(edit: Edit, steps: Sequence[Step]) -> bool:
    return [(step.id.key.name, step.id.phase) for step in steps] == [(edit.name(edit.old), "prune")]


def _held(edit: Edit, plan: Plan) -> tuple[str, str]:
    """Test that a held replacement makes no call, and that it is made if the manifest allows it."""
    if plan.steps or [type(held.step.change) for held in plan.withheld] != [Replace]:
        return "wrong steps", "; ".join(left(plan))
    ledger = edit.account.simulator.ledger
    since = len(ledger)
    edit.account.keep(edit.new)
    if ledger.operations(since):
        return "wrong calls", f"{ledger.operations(since)} although it is held"
    allowed = {
        "kind": edit.kind.name,
        "metadata": {"name": edit.name(edit.new), "annotations": {"ecsync/replace": "allow"}},
        "spec": places.inner(edit.new),
    }
    obstacle = edit.account.keep(allowed)
    made = [one for one in ledger.operations(since) if one in ("ecs:DeleteService", "ecs:CreateService")]
    if obstacle or made != ["ecs:DeleteService", "ecs:CreateService"]:
        return "not applied", obstacle or str(made)
    return "exact, replacement held", ""


def _paths(plan: Plan) -> set[Path]:
    """Return the paths that a plan changes, also in held steps."""
    steps = [*plan.steps, *(held.step for held in plan.withheld)]
    return {one.path for step in steps for one in step.fields}


def _problems(document: Mapping[str, Any]) -> list[str]:
    """Return the problems of a document before any call."""
    return [problem.message for problem in loaded(json.dumps(document)).problems]
