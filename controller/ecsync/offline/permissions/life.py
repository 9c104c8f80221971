"""The permissions of what a source declares, with notes for the reader about what is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Target
from ecsync.offline.permissions.needs import Beside, Life, Need, Prefix
from ecsync.offline.permissions.places import Place, Places
from ecsync.offline.permissions.policy import PER_ROLE, Policy


def life_of(
    applications: Sequence[Application],
    kinds: Mapping[str, Kind],
    target_of: Callable[[Application], Target],
    *,
    installation: str = "",
    account: str = "",
    region: str = "",
    sources: Sequence[str] = (),
    lease: str = "none",
    freeze: str = "",
) -> Life:
    """Return the life of applications.

    `account` and `region` are those of the operator. `sources` are where a daemon reads the manifests; `lease`
    and `freeze` are the settings of these names (docs/cli.md).
    """
    return Life(
        places=Places(applications, kinds, target_of, installation),
        kinds=kinds,
        installation=installation,
        home=Place(account, region, installation),
        beside=_beside(installation, sources, lease, freeze),
    )


def _beside(installation: str, sources: Sequence[str], lease: str, freeze: str) -> Beside:
    found: list[Prefix] = []
    for source in sources:
        if source.startswith("s3://"):
            bucket, _, rest = source.removeprefix("s3://").partition("/")
            prefix = f"{rest.strip('/')}/" if rest.strip("/") else ""
            key = f"{prefix}.ecsync-lease-{installation or '*'}" if lease == "auto" and len(sources) == 1 else ""
            found.append(Prefix(bucket=bucket, prefix=prefix, lease_key=key))
    return Beside(
        sources=tuple(found),
        lease_table=lease.removeprefix("dynamodb:") * _dynamo(lease),
        freeze=freeze.removeprefix("ssm:") if freeze.startswith("ssm:") else "",
    )


def _dynamo(lease: str) -> bool:
    return lease.startswith("dynamodb:")


def notes(
    life: Life, needs: Iterable[Need], policies: Sequence[Policy], patterns: Mapping[str, int] | None = None
) -> Iterator[str]:
    """Yield what a person must know about the policies: what is not known, how many there are, what is not exact."""
    places = [life.places.of(one) for one in life.places.applications]
    if not all(one.account for one in places):
        yield "the account is not known, so ARNs have `*` in its place: set --account, or target.account"
    if not all(one.region for one in places):
        yield "the Region is not known, so ARNs have `*` in its place: set --region, or target.region"
    if not life.installation:
        yield "the installation is not known, so marks of any installation are allowed: set --installation"
    accounts = sorted({one.account for one in places if one.account})
    if len(accounts) > 1:
        yield f"the manifests mean several accounts ({', '.join(accounts)}): each of them needs its statements only"
    wide = sorted({one.document for one in needs if one.action == "iam:PassRole" and one.resource.endswith(":role/*")})
    for document in wide:
        yield f"{document}: the role in its instance profile is not declared, so any role may be passed"
    if len(policies) > 1:
        text = f"the permissions are longer than a managed policy may be: they are a list of {len(policies)} policies"
        yield f"{text}; a role may have {PER_ROLE} by default" if len(policies) > PER_ROLE else text
    for pattern, count in (patterns or {}).items():
        yield f"not exact, because a role cannot have so many policies: {pattern} stands for {count} ARNs"
