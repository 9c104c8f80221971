"""Certificates of listeners: issued, not expired, and valid for the host names of the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify.ask import Ask, refusal
from ecsync.verify.model import Check, Document, Finding, Place, Refusal, Scope, is_known

CHECK = Check("certificates")
_DONE = "ISSUED"


def certificates(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each certificate of a listener, and for each host name of its rules."""
    for listener in scope.of_kind("Listener"):
        for index, one in enumerate(listener.get("Certificates") or ()):
            place = listener.place("Certificates", index, "CertificateArn")
            yield _valid(scope, ask, place, one.get("CertificateArn") if isinstance(one, Mapping) else None)
    for rule in scope.of_kind("ListenerRule"):
        hosts = list(_hosts(rule))
        names = _names(scope, ask, rule) if hosts else None
        for place, host in hosts:
            if names is not None:
                yield _covered(place, host, names)


def covers(name: str, host: str) -> bool:
    """Return whether the name of a certificate covers a host name; `*.` stands for one label (RFC 6125, 6.4.3).

    A host name of a rule may have wildcards itself: they are taken as part of a label.
    """
    name, host = name.lower(), host.lower()
    if name == host:
        return True
    return name.startswith("*.") and bool(host.partition(".")[0]) and host.partition(".")[2] == name[2:]


def _valid(scope: Scope, ask: Ask, place: Place, arn: Json) -> Finding:
    found = _described(scope, ask, arn)
    if isinstance(found, Refusal):
        return CHECK.refused(place, str(arn), found)
    if found is None:
        return CHECK.failed(place, str(arn), "there is no such certificate", "request or import it, or correct its ARN")
    status, until = str(found.get("Status")), _time(found.get("NotAfter"))
    if status == "EXPIRED" or (until is not None and until <= scope.now):
        when = f" on {until:%Y-%m-%d}" if until else ""
        return CHECK.failed(place, str(arn), f"the certificate expired{when}", "renew it, or name another one")
    if status != _DONE:
        advice = "finish its validation (DNS or e-mail), or name another one"
        return CHECK.failed(place, str(arn), f"the certificate is {status}, not {_DONE}", advice)
    return CHECK.passed(place, str(arn), f"the certificate is valid until {until:%Y-%m-%d}" if until else "issued")


def _described(scope: Scope, ask: Ask, arn: Json) -> Body | Refusal | None:
    """Return what AWS has of a certificate; None if it does not exist."""
    if not is_known(arn) or not isinstance(arn, str):
        return Refusal(scope.why_unknown(arn))
    fields = arn.split(":")
    if len(fields) < 6 or fields[2] != "acm":
        return Refusal("not a certificate of ACM")
    if fields[3] != scope.region:
        return Refusal(f"it is in {fields[3]}, not in {scope.region}")
    try:
        found: Body = ask.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]
    except AwsError as error:
        return None if error.kind == "missing" else refusal(error)
    return found


def _time(value: Json) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _hosts(rule: Document) -> Iterator[tuple[Place, str]]:
    """Yield the host names of a rule with their places."""
    for index, condition in enumerate(rule.get("Conditions") or ()):
        if not isinstance(condition, Mapping) or condition.get("Field") != "host-header":
            continue
        for path, values in (
            (("Values",), condition.get("Values")),
            (("HostHeaderConfig", "Values"), (condition.get("HostHeaderConfig") or {}).get("Values")),
        ):
            for number, host in enumerate(values or ()):
                if isinstance(host, str):
                    yield rule.place("Conditions", index, *path, number), host


def _names(scope: Scope, ask: Ask, rule: Document) -> list[str] | Refusal | None:
    """Return the names of all certificates of the rule's listener; None if it has none (HTTP)."""
    reference = rule.desired.body.get("ListenerArn")
    listener = scope.declared("Listener", reference)
    if listener is not None:
        arns = [one.get("CertificateArn") for one in listener.get("Certificates") or () if isinstance(one, Mapping)]
    elif not isinstance(reference, str):
        return Refusal(scope.why_unknown(reference))
    else:
        try:
            listed = ask.items("elbv2", "DescribeListenerCertificates", "Certificates", ListenerArn=reference)
        except AwsError as error:
            return refusal(error)
        arns = [one["CertificateArn"] for one in listed]
    if not arns:
        return None
    names: list[str] = []
    for arn in dict.fromkeys(arns):
        found = _described(scope, ask, arn)
        if isinstance(found, Refusal):
            return found
        if found is not None:
            names += [str(found.get("DomainName", "")), *map(str, found.get("SubjectAlternativeNames") or ())]
    return list(dict.fromkeys(name for name in names if name))


def _covered(place: Place, host: str, names: list[str] | Refusal) -> Finding:
    if isinstance(names, Refusal):
        return CHECK.refused(place, host, names)
    by = next((name for name in names if covers(name, host)), None)
    if by is not None:
        return CHECK.passed(place, host, f"the certificate is valid for {by}")
    message = f"no certificate of the listener is valid for it: they have {', '.join(names) or 'no names'}"
    return CHECK.failed(place, host, message, "add a certificate for the host to the listener, or correct the host")
