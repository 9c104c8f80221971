"""Two kept answers about one resource: an older one never replaces a newer one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ecsync.core.model import Application
from ecsync.engine.inventory import Inventory
from ecsync.engine.reconciler import Catalogue, Destination, PassOptions, reconcile
from tests.engine.passes import Account, document, ref, shop


@dataclass
class Keeping(Account):
    """An account with a controller that keeps what it read between passes."""

    inventory: Inventory | None = None

    def destination(self) -> Destination:
        """Return where passes are made."""
        self.inventory = self.inventory or Inventory(self.cloud, self.clock.monotonic, self.kinds)
        return replace(super().destination(), inventory=self.inventory)

    def make_pass(self, application: Application, *, enforce: bool) -> None:
        """Make a pass, five seconds after the last one."""
        self.clock.advance(5)
        catalogue = Catalogue(applications={"shop": application}, revision="1")
        reconcile(application, catalogue, self.destination(), self.step_state, PassOptions(enforce=enforce))


def test_a_resource_that_another_controller_created_is_not_created_again() -> None:
    """It is a neighbour of what differs, and the answer for it alone is older than the answer for all."""
    application = shop(
        document("App/one"), document("App/two"), document("Leaf/leaf", app=ref("App/one"), colour="red")
    )
    application = replace(application, sync=replace(application.sync, interval=5.0))
    other = Account()
    other.settle(application)
    ours = Keeping()
    ours.cloud.objects = {id_: one for id_, one in other.cloud.objects.items() if one["name"] == "two"}
    ours.make_pass(application, enforce=False)  # reads App/one alone: it is absent
    ours.cloud.objects = other.cloud.objects  # the other controller has created it
    ours.body("Leaf/leaf")["colour"] = "blue"
    ours.make_pass(application, enforce=True)
    assert ours.cloud.refused == []
    assert ours.cloud.writes == ["UpdateLeaf leaf"]
