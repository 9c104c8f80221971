"""Manifests with everything in place: nothing is found, and each question is asked once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ecsim import LedgerEntry
from ecsync.core.trees import canonical
from ecsync.verify.rights import VERIFY_READS
from tests.verify.account import Contents
from tests.whole.support.command import Command
from tests.whole.support.environment import Environment


def test_a_set_with_everything_in_place_has_no_finding(clean: Path, ecsync: Command) -> None:
    """Of the secrets, only the keys in their JSON are not checked: their values are not read."""
    answer = ecsync("verify", clean)
    assert (answer.code, answer.err) == (0, ""), answer
    [summary] = answer.out.splitlines()
    assert summary.endswith(" checks passed, 0 failed, 0 not checked")
    assert "its key key is not checked, because values are not read" in ecsync("verify", clean, "--all").out


def test_each_question_is_asked_once_for_all_services(clean: Path, contents: Contents, ecsync: Command) -> None:
    """No call of a check that is not also one of a plan is made twice, and every one is a declared read."""
    ledger = contents.environment.simulator.ledger
    start = len(ledger)
    ecsync("plan", clean)
    of_plan = {_asked(entry) for entry in list(ledger)[start:]}
    start = len(ledger)
    ecsync("verify", clean)
    asked = Counter(_asked(entry) for entry in list(ledger)[start:])
    own = {question: count for question, count in asked.items() if question not in of_plan}
    assert {question: count for question, count in own.items() if count > 1} == {}
    assert {f"{service}.{operation}" for service, operation, _ in own} <= VERIFY_READS
    assert len([one for one in own if one[1] == "DescribeImages"]) == 1


def _asked(entry: LedgerEntry) -> tuple[str, str, str]:
    return entry.service, entry.operation, canonical(entry.params)


def test_the_quickstart_has_no_finding(environment: Environment, ecsync: Command) -> None:
    """In a new account, and after everything was created."""
    for _ in range(2):
        answer = ecsync("verify", environment.manifests)
        assert answer.code == 0, answer
        line, summary = answer.out.splitlines()
        assert line.startswith(f"{environment.location('image:')}: TaskDefinition/web: not checked: public.ecr.aws/")
        assert "not in a private repository of ECR" in line
        assert summary.endswith(" checks passed, 0 failed, 1 not checked")
        environment.controller().converge(pause=150.0)
