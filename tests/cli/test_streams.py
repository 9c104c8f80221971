"""Data on stdout, everything else on stderr, colour only for people, and help that helps."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ecsync import cli
from tests.whole.support import command
from tests.whole.support.command import ECSYNC, Command

VERBS = sorted(typer.main.get_command(cli.build()).commands)  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_has_an_example(verb: str, ecsync: Command) -> None:
    """`--help` says what the verb does and shows a line to copy that begins with it."""
    answer = ecsync(verb, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Example" in answer.out
    assert f"ecsync {verb}" in answer.out.partition("Example")[2]


def test_examples_in_help_are_lines_to_copy(ecsync: Command) -> None:
    """Each is on a line of its own, as it is written here, for `ecsync` and for every verb."""
    texts: dict[tuple[str, ...], str] = {(): cli._HELP} | {(name,): verb.__doc__ for name, verb in cli._VERBS}
    for verb, text in texts.items():
        shown = [line.strip() for line in ecsync(*verb, "--help").out.splitlines()]
        examples = [line.strip() for line in text.splitlines() if line.startswith(" ") and "  ecsync " in line]
        assert [line for line in examples if line not in shown] == [], verb


def test_help_lists_every_verb(ecsync: Command) -> None:
    """`ecsync --help` and plain `ecsync` list the verbs, each with what it does."""
    told = ecsync("--help").out
    assert all(f"\n  {verb} " in told for verb in VERBS)


def test_help_loads_nothing_heavy() -> None:
    """Neither AWS's client nor HTTP, scheduler, settings or simulator are imported to print the help."""
    program = (
        "import sys\nfrom ecsync.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {
        "apscheduler",
        "boto3",
        "botocore",
        "http",
        "moto",
        "prometheus_client",
        "pydantic",
        "starlette",
        "uvicorn",
        "yaml",
    }
    assert heavy & set(done.stderr.split()) == set()


def test_help_is_quick() -> None:
    """It takes 0.3 s of the processor at most: what a person waits for where nothing else runs; the best of five."""
    assert min(_processor_seconds([str(ECSYNC), "--help"]) for _ in range(5)) <= 0.3


def _processor_seconds(program: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(program, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_version(ecsync: Command) -> None:
    """`--version` prints one line."""
    answer = ecsync("--version")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("ecsync ")


def test_json_is_json_also_when_something_is_wrong(small: Path, ecsync: Command) -> None:
    """What `-o json` prints parses, with problems inside it; no message is mixed in."""
    assert ecsync("validate", small, "-o", "json").json["problems"] == []
    assert ecsync("plan", small, "-o", "json").json["kind"] == "Plan"
    (small / "wrong.yaml").write_text("kind: Nonsense\n")
    for verb in ("validate", "plan"):
        answer = ecsync(verb, small, "-o", "json")
        assert answer.code == 3
        assert [problem["file"] for problem in answer.json["problems"]] == ["wrong.yaml"]


def test_messages_are_not_data(small: Path, ecsync: Command) -> None:
    """`apply` tells its progress on stderr; its stdout has nothing."""
    answer = ecsync("apply", small)
    assert (answer.code, answer.out) == (0, "")
    assert "Cluster/main" in answer.err
    assert "Synced · Healthy" in answer.err


def test_no_colour_but_on_a_terminal(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a pipe gets has an escape in it, whatever TERM says."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    (small / "wrong.yaml").write_text("kind: Nonsense\n")  # so that both streams have something to say
    answer = command.run("plan", small)
    assert answer.out
    assert answer.err
    assert "\x1b" not in answer.out + answer.err


def test_what_a_manifest_says_cannot_move_the_cursor(small: Path, ecsync: Command) -> None:
    """Control characters from a manifest are made visible: they are text, not commands to a terminal."""
    path = small / "all.yaml"
    path.write_text(path.read_text().replace("retentionInDays: 14", 'tags: {note: "\\e[31mred\\u0007"}'))
    answer = ecsync("plan", small, "--calls")
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert "\x07" not in answer.out


def test_a_closed_pipe_is_no_error(small: Path) -> None:
    """`ecsync plan | head` ends quietly."""
    program = f"'{ECSYNC}' plan '{small}' --calls | head -n 1"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
