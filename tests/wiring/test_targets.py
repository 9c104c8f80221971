"""Target policy: the account and Region of an application, and whether writes to them are enabled."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ecsync.accounts import RoleSettings, TargetSettings
from ecsync.config import Settings
from ecsync.core.model import Application
from ecsync.core.ports import Cloud
from ecsync.engine.reconciler import Refused
from ecsync.testing import MemoryCloud
from ecsync.wiring import Clouds, Workspace, targets

OWN, OTHER = "111111111111", "222222222222"
SETTINGS = Settings(
    installation="prod",
    account=OWN,
    region="eu-west-1",
    enforce=True,
    targets={"live": TargetSettings(account=OTHER, region="eu-central-1", enforce=False)},
)


def shop(account: str = "", region: str = "") -> Application:
    """Return an application with this target."""
    return Application(name="shop", account=account, region=region)


@pytest.mark.parametrize(
    ("target", "account"), [("", OWN), ("live", OTHER), ("333333333333", "333333333333")], ids=["own", "entry", "id"]
)
def test_the_expected_account(target: str, account: str) -> None:
    """It is that of the operator, of the entry, or the id in the manifest."""
    assert targets.expected_account(SETTINGS, target) == account


@pytest.mark.parametrize(
    ("application", "region"),
    [(shop(), "eu-west-1"), (shop("live"), "eu-central-1"), (shop("live", "us-east-1"), "us-east-1")],
    ids=["settings", "entry", "manifest"],
)
def test_the_region(application: Application, region: str) -> None:
    """The manifest is preferred to the entry, and the entry to the settings."""
    assert targets.region_of(SETTINGS, application) == region
    assert targets.target_of(SETTINGS, application).region == region


def test_without_a_region_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the three settings."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "ECSYNC_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Refused, match=r"no Region: set .*ECSYNC_REGION, or AWS_REGION"):
        targets.region_of(Settings(), shop())


def test_an_unknown_target_is_refused() -> None:
    """The message lists the targets of the operator."""
    with pytest.raises(Refused, match=r"'test' is not in the operator's config \(targets: live\)"):
        targets.check_target(SETTINGS, shop("test"))
    targets.check_target(SETTINGS, shop("live"))
    targets.check_target(SETTINGS, shop(OTHER))


@pytest.mark.parametrize(("application", "consent"), [(shop(), True), (shop("live"), False)], ids=["own", "entry"])
def test_each_target_has_its_own_consent(application: Application, consent: bool) -> None:
    """`enforce` of the settings does not enable writes to an entry of `targets`."""
    assert targets.consents(SETTINGS, application) is consent


def test_without_a_role_that_deletes_nothing_is_pruned() -> None:
    """The reason names the setting. One role is for deletes too, and so are the credentials of the process."""
    role = "arn:aws:iam::222222222222:role/ecsync"
    write = RoleSettings(apply=role)
    entries = {
        "one": TargetSettings(account=OTHER, role=role),
        "write": TargetSettings(account=OTHER, roles=write),
        "all": TargetSettings(account=OTHER, roles=RoleSettings(apply=role, prune=role)),
    }
    settings = Settings(targets=entries)
    assert [bool(targets.pruning(settings, shop(name))) for name in ("one", "write", "all", "")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert "(set targets.write.roles.prune in" in targets.pruning(settings, shop("write"))
    assert "(set roles.prune in" in targets.pruning(Settings(roles=write), shop())


@dataclass(kw_only=True)
class OneCloud(Clouds):
    """Clouds that are all the same one."""

    cloud: MemoryCloud = field(default_factory=MemoryCloud)

    def of(self, _target: str, _region: str) -> Cloud:
        """Return the one cloud."""
        return self.cloud


class TestDestination:
    """The destination of an application, with the account of its cloud."""

    def workspace(self, settings: Settings, account: str) -> Workspace:
        """Return a workspace with credentials of this account."""
        return Workspace(
            settings=settings, clouds=OneCloud(settings=settings, read_only=False, cloud=MemoryCloud(account))
        )

    def test_it_has_the_account_of_the_credentials(self) -> None:
        """The target is what AWS returned, not what was expected."""
        destination = self.workspace(SETTINGS, OWN).destination_for(shop())
        assert (destination.target.account, destination.target.region) == (OWN, "eu-west-1")
        assert destination.asserted

    def test_credentials_of_another_account_are_refused(self) -> None:
        """Before anything is observed."""
        with pytest.raises(Refused, match=f"belong to account {OTHER}, but {OWN} is expected"):
            self.workspace(SETTINGS, OTHER).destination_for(shop())

    def test_without_an_expected_account_it_is_not_asserted(self) -> None:
        """Any account is accepted; the engine refuses to write to an empty one."""
        settings = Settings(region="eu-west-1")
        destination = self.workspace(settings, OTHER).destination_for(shop())
        assert (destination.target.account, destination.asserted) == (OTHER, False)
