"""Two kept answers about one resource: an older one never replaces a newer one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ecsync.core.model import Application
from ecsync.engine.reconciler import PassOptions
from tests.engine.passes import Account, SharedAccount, document, ref, shop


def make_pass(account: SharedAccount, application: Application, *, enforce: bool) -> None:
    """Make a pass, five seconds after the last one."""
    account.clock.advance(5)
    account.run(application, options=PassOptions(enforce=enforce))


def test_a_resource_that_another_controller_created_is_not_created_again() -> None:
    """It is a neighbour of what differs, and the answer for it alone is older than the answer for all."""
    application = shop(
        document("App/one"), document("App/two"), document("Leaf/leaf", app=ref("App/one"), colour="red")
    )
    application = replace(application, sync=replace(application.sync, interval=5.0))
    other = Account()
    other.settle(application)
    ours = SharedAccount()
    ours.cloud.objects = {id_: one for id_, one in other.cloud.objects.items() if one["name"] == "two"}
    make_pass(ours, application, enforce=False)  # reads App/one alone: it is absent
    ours.cloud.objects = other.cloud.objects  # the other controller has created it
    ours.body("Leaf/leaf")["colour"] = "blue"
    make_pass(ours, application, enforce=True)
    assert ours.cloud.refused == []
    assert ours.cloud.writes == ["UpdateLeaf leaf"]


@pytest.mark.parametrize("process", ["the same process", "a new process"])
def test_one_answer_that_leaves_resources_out_creates_nothing(process: str) -> None:
    """What is not there is read twice, however many resources: AWS need not refuse to create what it left out."""
    application = shop(*(document(f"Leaf/n{number}", colour="red") for number in range(30)))
    account = SharedAccount()
    account.settle(application)
    if process == "a new process":
        account.restart()
        account.inventory = None
    account.cloud.writes.clear()
    account.clock.advance(60)
    there, looked = account.cloud.objects, False

    def leave_out(operation: str, _: object) -> None:
        nonlocal looked
        if operation == "DescribeLeaf":
            account.cloud.objects = there if looked else {}
            looked = True

    account.cloud.before = leave_out
    outcome = account.run(application)
    assert looked
    assert outcome.sync == "Synced" or process == "a new process"  # it does not know that they were there
    assert account.run(application).sync == "Synced"
    assert (account.cloud.writes, account.cloud.refused) == ([], [])


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_resource_that_one_answer_leaves_out_before_its_change_is_not_created(number: int) -> None:
    """Whichever answer of the pass it is: the first one, the one that confirms the change, or the one of its step."""
    application = shop(*(document(f"Leaf/n{count:02}", colour="red") for count in range(25)))
    account = SharedAccount()
    account.settle(application)
    changed = shop(*(document(f"Leaf/n{count:02}", colour="blue") for count in range(25)))
    account.cloud.writes.clear()
    account.clock.advance(60)
    there, seen = account.cloud.objects, 0

    def leave_out(operation: str, _: object) -> None:
        nonlocal seen
        if operation == "DescribeLeaf":
            seen += 1
            account.cloud.objects = {} if seen == number else there
        else:
            account.cloud.objects = there

    account.cloud.before = leave_out
    account.run(changed)
    account.cloud.before = lambda *_: None
    account.cloud.objects = there
    account.clock.advance(60)
    account.settle(changed)
    assert seen > number
    assert account.cloud.refused == []
    assert Counter(write.partition(" ")[0] for write in account.cloud.writes) == {"UpdateLeaf": 25, "TagLeaf": 25}
