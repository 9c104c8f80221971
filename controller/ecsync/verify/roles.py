"""Roles of tasks and services: they exist, can be assumed, and are allowed what a task needs to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify.ask import Ask, parts, refusal
from ecsync.verify.model import Check, Document, Finding, Place, Refusal, Scope, is_known
from ecsync.verify.needs import Need, of_execution, of_task
from ecsync.verify.policies import Decision, Grants, decide, parsed, trusts

CHECK = Check("roles")
_MOST = 50  # resources in one simulation, so that a request stays small
_TASKS, _ECS = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Use:
    """A role that is given to a service of AWS, and what it needs there."""

    place: Place
    value: Json  # an ARN, a name, or a reference
    purpose: str
    principal: str  # who assumes it
    needs: tuple[Need, ...] = ()


class _Asked(NamedTuple):
    """The decision on an action and a resource, and how it was made."""

    decision: Decision
    how: str = ""


_Decisions = Mapping[tuple[str, str], _Asked]


@dataclass(slots=True)
class _Role:
    """A role and all that its uses need."""

    uses: list[Use] = field(default_factory=list)

    @property
    def needs(self) -> list[Need]:
        """Each action and resource once."""
        found = {(need.action, need.resource): need for use in self.uses for need in use.needs}
        return list(found.values())


def roles(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield findings for each role that a task definition, a service or a capacity provider names."""
    yield from _without_execution_role(scope, ask)
    by_value: dict[str, _Role] = {}
    for use in _uses(scope, ask):
        by_value.setdefault(str(use.value), _Role()).uses.append(use)
    for role in by_value.values():
        value = role.uses[0].value
        document = scope.declared("Role", value)
        if document is not None and document.managed and document.desired.options.state == "present":
            yield from _of_declared(scope, ask, role, document)
        elif document is not None and document.unread:
            yield from _all_unchecked(role, document.unread)
        elif is_known(value) or document is not None:
            name = document.body.get("RoleName") if document is not None else str(value).rsplit("/", 1)[-1]
            yield from _of_live(scope, ask, role, str(name), _account(scope, value))
        else:
            yield from _all_unchecked(role, scope.why_unknown(value))


def _account(scope: Scope, value: Json) -> str:
    return value.split(":")[4] if isinstance(value, str) and value.count(":") >= 5 else scope.account


# ---------------------------------------------------------------- which roles, and what they need


def _uses(scope: Scope, ask: Ask) -> Iterator[Use]:
    exec_tasks = _with_exec(scope)
    for document in scope.of_kind("TaskDefinition"):
        needs = tuple(of_execution(scope, ask, document))
        role = document.get("executionRoleArn")
        if role is not None:
            yield Use(document.place("executionRoleArn"), role, "the execution role", _TASKS, needs)
        role = document.get("taskRoleArn")
        if role is not None:
            own = tuple(of_task(document)) if document.key in exec_tasks else ()
            yield Use(document.place("taskRoleArn"), role, "the task role", _TASKS, own)
    for document in scope.documents:
        if document.key.kind in ("Service", "CapacityProvider") and document.desired.options.state == "present":
            for path, value in _roles_in(document.body):
                # ECS Developer Guide, Infrastructure IAM role: ecs.amazonaws.com assumes it.
                yield Use(document.place(*path), value, "an infrastructure role", _ECS)


def _without_execution_role(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield findings for what a task needs an execution role for, and has none.

    Source: ECS Developer Guide, Task execution IAM role: on EC2, the role of the instance pulls images and writes logs.
    """
    for document in scope.of_kind("TaskDefinition"):
        if document.get("executionRoleArn") is not None:
            continue
        on_instances = "FARGATE" not in (document.get("requiresCompatibilities") or ())
        for need in of_execution(scope, ask, document):
            subject = f"{need.action} on {need.resource}"
            if on_instances and need.action.startswith(("ecr:", "logs:")):
                message = "there is no execution role, so the role of the instance must allow it"
                yield CHECK.unchecked(need.place, subject, message)
            else:
                message = "the task definition has no execution role for it"
                yield CHECK.failed(need.place, subject, message, "declare executionRoleArn")


def _with_exec(scope: Scope) -> set[object]:
    """Return the keys of the task definitions of services with ECS Exec."""
    found: set[object] = set()
    for service in scope.of_kind("Service"):
        task = scope.declared("TaskDefinition", service.written.get("taskDefinition"))
        if task is not None and service.get("enableExecuteCommand"):
            found.add(task.key)
    return found


def _roles_in(tree: Json, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Yield the members `roleArn` and `infrastructureRoleArn` at any depth."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if name in ("roleArn", "infrastructureRoleArn") and value is not None:
                yield (*at, name), value
            else:
                yield from _roles_in(value, (*at, name))
    elif isinstance(tree, (list, tuple)):
        for index, value in enumerate(tree):
            yield from _roles_in(value, (*at, index))


# ---------------------------------------------------------------- a role that the manifests write


def _of_declared(scope: Scope, ask: Ask, role: _Role, document: Document) -> Iterator[Finding]:
    """Yield findings by the declared policies; a member that is not declared is as in AWS."""
    live: Body = document.live.body if document.live is not None else {}
    body = {**live, **{name: value for name, value in document.body.items() if value is not None}}
    yield from _of_trust(scope, role, str(document.key), body.get("AssumeRolePolicyDocument"))
    try:
        attached = [_policy(ask, str(arn)) for arn in body.get("ManagedPolicyArns") or ()]
        boundary = body.get("PermissionsBoundary")
        limit = _policy(ask, str(boundary)) if boundary else None
    except AwsError as error:
        if error.kind == "missing":
            message = f"a policy of {document.key} does not exist ({error.message})"
            place = document.place("ManagedPolicyArns")
            yield CHECK.failed(place, str(document.key), message, "correct its ARN")
        else:
            yield from _needs_refused(role, refusal(error))
        return
    grants = Grants((*attached, *(body.get("Policies") or {}).values()), limit)
    yield from _of_needs(role, str(document.key), _by_policies(role, grants, "by its declared policies"))


def _by_policies(role: _Role, grants: Grants, how: str) -> _Decisions:
    return {
        (need.action, need.resource): _Asked(decide(grants, need.action, need.resource), how) for need in role.needs
    }


def _policy(ask: Ask, arn: str) -> Json:
    """Return the document of a managed policy. Raises AwsError."""
    version = ask.call("iam", "GetPolicy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = ask.call("iam", "GetPolicyVersion", PolicyArn=arn, VersionId=version)
    return parsed(found["PolicyVersion"]["Document"])


# ---------------------------------------------------------------- a role that is only in AWS


def _of_live(scope: Scope, ask: Ask, role: _Role, name: str, account: str) -> Iterator[Finding]:
    if account != scope.account:
        yield from _all_unchecked(role, f"the role is of account {account}")
        return
    try:
        found: Body = ask.call("iam", "GetRole", RoleName=name)["Role"]
    except AwsError as error:
        if error.kind != "missing":
            yield from _all_refused(role, refusal(error))
            return
        for use in role.uses:
            advice = "create it, declare it as a Role, or correct its name"
            yield CHECK.failed(use.place, name, f"{use.purpose} {name} does not exist", advice)
        return
    yield from _of_trust(scope, role, name, found.get("AssumeRolePolicyDocument"))
    if not role.needs:
        return
    simulated = _simulated(ask, role, found)
    if not isinstance(simulated, Refusal):
        yield from _of_needs(role, name, simulated)
        return
    try:
        grants = _grants(ask, name, found)
    except AwsError as error:
        yield from _needs_refused(role, _both(simulated, refusal(error)))
        return
    yield from _of_needs(role, name, _by_policies(role, grants, f"by its policies, because {simulated.message}"))


def _both(one: Refusal, other: Refusal) -> Refusal:
    """Return the refusal of two ways to ask: either right would do."""
    if one.right and other.right:
        return Refusal(f"the caller lacks {one.right}, and {other.right} in its place", one.right)
    return one if one.right else other


def _simulated(ask: Ask, role: _Role, found: Body) -> _Decisions | Refusal:
    """Return AWS's own decisions: one call for each set of resources with the same actions."""
    actions: dict[str, set[str]] = {}
    for need in role.needs:
        actions.setdefault(need.resource, set()).add(need.action)
    groups: dict[tuple[str, ...], list[str]] = {}
    for resource, names in actions.items():
        groups.setdefault(tuple(sorted(names)), []).append(resource)
    decisions: dict[tuple[str, str], _Asked] = {}
    calls = [(wanted, part) for wanted, found_on in groups.items() for part in parts(sorted(found_on), _MOST)]
    for wanted, resources in calls:
        try:
            results = ask.items(
                "iam",
                "SimulatePrincipalPolicy",
                "EvaluationResults",
                PolicySourceArn=found["Arn"],
                ActionNames=list(wanted),
                ResourceArns=list(resources),
            )
        except AwsError as error:
            return refusal(error)
        for result in results:
            decisions.update(_results(result))
    return decisions


def _results(result: Body) -> Iterator[tuple[tuple[str, str], _Asked]]:
    """Yield the decisions of one action: AWS gives those of several resources apart."""
    action = str(result["EvalActionName"])
    for one in result.get("ResourceSpecificResults") or (result,):
        decision = one.get("EvalResourceDecision") or one.get("EvalDecision")
        name = one.get("EvalResourceName") or "*"
        missing = one.get("MissingContextValues")
        allowed: Decision = "allowed" if decision == "allowed" else "depends" if missing else "not allowed"
        yield (action, str(name)), _Asked(allowed)


def _grants(ask: Ask, name: str, found: Body) -> Grants:
    """Return the policies of a role. Raises AwsError."""
    attached = ask.items("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    policies = [_policy(ask, str(one["PolicyArn"])) for one in attached]
    for inline in ask.items("iam", "ListRolePolicies", "PolicyNames", RoleName=name):
        policy = ask.call("iam", "GetRolePolicy", RoleName=name, PolicyName=inline)
        policies.append(parsed(policy["PolicyDocument"]))
    boundary = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return Grants(tuple(policies), _policy(ask, str(boundary)) if boundary else None)


# ---------------------------------------------------------------- findings


def _of_trust(scope: Scope, role: _Role, name: str, document: Json) -> Iterator[Finding]:
    for use in role.uses:
        decision = trusts(document, use.principal, scope.account, scope.arn("ecs", "*"))
        if decision == "allowed":
            yield CHECK.passed(use.place, name, f"{use.principal} can assume {use.purpose}")
        elif decision == "depends":
            message = f"whether {use.principal} can assume {use.purpose} depends on conditions of its trust policy"
            yield CHECK.unchecked(use.place, name, message)
        else:
            advice = f"allow sts:AssumeRole to the service {use.principal} in its trust policy"
            yield CHECK.failed(use.place, name, f"{use.principal} cannot assume {use.purpose} {name}", advice)


def _of_needs(role: _Role, name: str, decisions: _Decisions) -> Iterator[Finding]:
    for use in role.uses:
        for need in use.needs:
            decision, how = decisions.get((need.action, need.resource), _Asked("depends"))
            subject = f"{need.action} on {need.resource}"
            note = f" ({how})" if how else ""
            if decision == "allowed":
                yield CHECK.passed(need.place, subject, f"{name} allows it{note}")
            elif decision == "depends":
                message = f"whether {name} allows it depends on conditions, or on what does not exist yet{note}"
                yield CHECK.unchecked(need.place, subject, message)
            else:
                advice = f"allow it in a policy of {use.purpose}"
                yield CHECK.failed(need.place, subject, f"{use.purpose} {name} does not allow it{note}", advice)


def _needs_refused(role: _Role, refused: Refusal) -> Iterator[Finding]:
    for use in role.uses:
        for need in use.needs:
            yield CHECK.refused(need.place, f"{need.action} on {need.resource}", refused)


def _all_refused(role: _Role, refused: Refusal) -> Iterator[Finding]:
    for use in role.uses:
        yield CHECK.refused(use.place, str(use.value), refused)
    yield from _needs_refused(role, refused)


def _all_unchecked(role: _Role, message: str) -> Iterator[Finding]:
    yield from _all_refused(role, Refusal(message))
