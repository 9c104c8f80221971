"""Secrets and parameters: they exist. Their values are never read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify.ask import Ask, parts, refusal
from ecsync.verify.model import Check, Document, Finding, Place, Refusal, Scope, containers, is_known

CHECK = Check("secrets")
_MOST = 50  # ssm.DescribeParameters: a filter has at most 50 values
_SECRET, _PARAMETER = "secretsmanager", "ssm"


@dataclass(frozen=True, slots=True)
class Source:
    """Where ECS takes the value of a secret from."""

    service: str  # secretsmanager or ssm
    region: str  # empty: that of the task
    account: str  # empty: that of the task
    name: str  # the ARN of a secret, without what follows it; the name of a parameter
    key: str = ""  # the key in the JSON of a secret


@dataclass(frozen=True, slots=True)
class Use:
    """A place in a task definition that names a secret or a parameter."""

    place: Place
    text: Json
    source: Source | None  # None: the value is not known


def source_of(text: str) -> Source:
    """Return what `valueFrom` names: the ARN of a secret with `:key:stage:version`, or an ARN or name of a parameter.

    Source: ECS Developer Guide, Pass sensitive data to an Amazon ECS container.
    """
    fields = text.split(":")
    if text.startswith("arn:") and len(fields) > 6 and fields[2] == _SECRET:
        return Source(_SECRET, fields[3], fields[4], ":".join(fields[:7]), fields[7] if len(fields) > 7 else "")
    if text.startswith("arn:") and len(fields) > 5 and fields[2] == _PARAMETER:
        name = fields[5].removeprefix("parameter/")
        return Source(_PARAMETER, fields[3], fields[4], f"/{name}" if "/" in name else name)
    return Source(_PARAMETER, "", "", text)


def uses(document: Document) -> Iterator[Use]:
    """Yield what the containers of a task definition name: secrets, options of log drivers, registry credentials."""
    for index, container in containers(document):
        below = ("containerDefinitions", index)
        logs = container.get("logConfiguration") or {}
        for path, named in (
            ((*below, "secrets"), container.get("secrets")),
            ((*below, "logConfiguration", "secretOptions"), logs.get("secretOptions")),
        ):
            for number, one in enumerate(named or ()):
                if isinstance(one, Mapping):
                    yield _use(document.place(*path, number, "valueFrom"), one.get("valueFrom"))
        credentials = (container.get("repositoryCredentials") or {}).get("credentialsParameter")
        if credentials is not None:
            yield _use(document.place(*below, "repositoryCredentials", "credentialsParameter"), credentials)


def _use(place: Place, text: Json) -> Use:
    return Use(place, text, source_of(text) if isinstance(text, str) else None)


def secrets(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each use of a secret or a parameter."""
    for document in scope.of_kind("TaskDefinition"):
        for use in uses(document):
            if use.source is None or not is_known(use.text):
                yield CHECK.unchecked(use.place, str(use.text), scope.why_unknown(use.text))
            elif use.source.region not in ("", scope.region):
                yield CHECK.unchecked(use.place, str(use.text), f"it is in {use.source.region}, not in {scope.region}")
            elif use.source.service == _SECRET:
                yield _of_secret(ask, use.place, use.source)
            else:
                yield _of_parameter(scope, ask, use.place, use.source)


def secret(ask: Ask, source: Source) -> Body | Refusal | None:
    """Return what AWS has of a secret but its value; None if it does not exist."""
    try:
        return ask.call(_SECRET, "DescribeSecret", SecretId=source.name)
    except AwsError as error:
        return None if error.kind == "missing" else refusal(error)


def _of_secret(ask: Ask, place: Place, source: Source) -> Finding:
    found = secret(ask, source)
    if isinstance(found, Refusal):
        return CHECK.refused(place, source.name, found)
    if found is None:
        return CHECK.failed(place, source.name, "there is no such secret", "create it, or correct its ARN")
    if found.get("DeletedDate"):
        advice = "restore it (aws secretsmanager restore-secret), or name another one"
        return CHECK.failed(place, source.name, "the secret is to be deleted, and cannot be read any more", advice)
    key = f"; its key {source.key} is not checked, because values are not read" if source.key else ""
    return CHECK.passed(place, source.name, f"the secret exists{key}")


def parameter(scope: Scope, ask: Ask, source: Source) -> Body | Refusal | None:
    """Return what AWS has of a parameter but its value; None if it does not exist. All of them are asked at once."""
    if source.account not in ("", scope.account):
        return Refusal(f"the parameter is of account {source.account}")
    return ask.once(("parameters",), lambda: _parameters(scope, ask)).get(source.name)


def _parameters(scope: Scope, ask: Ask) -> Mapping[str, Body | Refusal]:
    """Return what AWS has of each parameter that a task definition names; one that does not exist is left out."""
    sources = (use.source for document in scope.of_kind("TaskDefinition") for use in uses(document))
    names = {
        source.name
        for source in sources
        if source is not None and source.service == _PARAMETER
        if source.region in ("", scope.region) and source.account in ("", scope.account)
    }
    found: dict[str, Body | Refusal] = {}
    for part in parts(sorted(names), _MOST):
        wanted = [{"Key": "Name", "Option": "Equals", "Values": list(part)}]
        try:
            listed = ask.items(_PARAMETER, "DescribeParameters", "Parameters", ParameterFilters=wanted)
        except AwsError as error:
            found.update(dict.fromkeys(part, refusal(error)))
            continue
        found.update({str(one["Name"]): one for one in listed})
    return found


def _of_parameter(scope: Scope, ask: Ask, place: Place, source: Source) -> Finding:
    found = parameter(scope, ask, source)
    if isinstance(found, Refusal):
        return CHECK.refused(place, source.name, found)
    if found is None:
        return CHECK.failed(place, source.name, "there is no such parameter", "create it, or correct its name")
    return CHECK.passed(place, source.name, "the parameter exists")
