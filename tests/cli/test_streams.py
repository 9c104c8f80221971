"""Data on stdout, messages on stderr, colour only on a terminal, and help with examples."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from rich.cells import cell_len

from ecsync import cli
from ecsync.cli import _show
from ecsync.cli._show import wrapped
from ecsync.cli.tables.layout import indented
from tests.whole.support import command
from tests.whole.support.command import ECSYNC, Command

VERBS = sorted(typer.main.get_command(cli.build()).commands)  # type: ignore[attr-defined]  # it is a group


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_has_an_example(verb: str, ecsync: Command) -> None:
    """`--help` has an example that begins with the verb, and fits 80 columns."""
    answer = ecsync(verb, "--help")
    assert max(map(len, answer.out.splitlines())) <= 80
    assert (answer.code, answer.err) == (0, "")
    assert "Example" in answer.out
    assert f"ecsync {verb}" in answer.out.partition("Example")[2]


def test_examples_in_help_can_be_copied(ecsync: Command) -> None:
    """Each is on a line of its own, unchanged, for `ecsync` and for every verb."""
    texts: dict[tuple[str, ...], str] = {(): cli._HELP} | {(name,): verb.__doc__ for name, verb in cli._VERBS}
    for verb, text in texts.items():
        shown = [line.strip() for line in ecsync(*verb, "--help").out.splitlines()]
        examples = [line.strip() for line in text.splitlines() if line.startswith(" ") and "  ecsync " in line]
        assert [line for line in examples if line not in shown] == [], verb


def test_help_lists_every_verb(ecsync: Command) -> None:
    """`ecsync --help` lists every verb with a description that is not cut, and fits 80 columns."""
    text = ecsync("--help").out
    assert max(map(len, text.splitlines())) <= 80
    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert "..." not in text.partition("Commands:")[2]


def test_help_loads_nothing_heavy() -> None:
    """Printing the help imports no AWS client, HTTP, scheduler, settings or simulator."""
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
    """It takes at most 0.3 s of processor time, in the best of five runs."""
    assert min(_processor_seconds([str(ECSYNC), "--help"]) for _ in range(5)) <= 0.3


def _processor_seconds(program: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(program, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_version(ecsync: Command) -> None:
    """`--version` prints one line: the version, and the commit of the build, which a checkout has not."""
    answer = ecsync("--version")
    assert (answer.code, answer.err) == (0, "")
    assert re.fullmatch(r"ecsync \d+\.\d+\.\d+ \(commit (?:unknown|[0-9a-f]{40})\)\n", answer.out)


def test_json_stays_json_with_problems(small: Path, ecsync: Command) -> None:
    """The output of `-o json` parses and contains the problems; no message is in it."""
    assert ecsync("validate", small, "-o", "json").json["problems"] == []
    assert ecsync("plan", small, "-o", "json").json["kind"] == "Plan"
    (small / "wrong.yaml").write_text("kind: Nonsense\n")
    for verb in ("validate", "plan"):
        answer = ecsync(verb, small, "-o", "json")
        assert answer.code == 3
        assert [problem["file"] for problem in answer.json["problems"]] == ["wrong.yaml"]


def test_messages_are_not_data(small: Path, ecsync: Command) -> None:
    """`apply` prints its progress to stderr, and nothing to stdout."""
    answer = ecsync("apply", small)
    assert (answer.code, answer.out) == (0, "")
    assert "Cluster/main" in answer.err
    assert "Synced · Healthy" in answer.err


def test_no_colour_but_on_a_terminal(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output to a pipe has no escape character, with any TERM."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    (small / "wrong.yaml").write_text("kind: Nonsense\n")  # so that both streams have output
    answer = command.run("plan", small)
    assert answer.out
    assert answer.err
    assert "\x1b" not in answer.out + answer.err


def test_control_characters_of_a_manifest_are_printed_as_text(small: Path, ecsync: Command) -> None:
    """A value cannot control the terminal."""
    path = small / "all.yaml"
    path.write_text(path.read_text().replace("retentionInDays: 14", 'tags: {note: "\\e[31mred\\u0007"}'))
    answer = ecsync("plan", small, "--calls")
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert "\x07" not in answer.out


def test_a_closed_pipe_is_no_error(small: Path) -> None:
    """`ecsync plan | head` ends without an error."""
    program = f"'{ECSYNC}' plan '{small}' --calls | head -n 1"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_variable_of_the_command_line_replaces_that_of_the_application(small: Path, ecsync: Command) -> None:
    """Only a declared one can be replaced: a misspelt name would have no effect."""
    path = small / "all.yaml"
    text = path.read_text().replace("  sync: {mode: enforce}", "  sync: {mode: enforce}\n  vars: {days: 14}")
    path.write_text(text.replace("retentionInDays: 14", 'retentionInDays: "${var:days}"'))
    answer = ecsync("plan", small, "--calls", "--var", "days=30")
    assert answer.code == 0
    assert '"retentionInDays": 30' in answer.out
    answer = ecsync("validate", small, "--var", "day=30")
    assert answer.code == 3
    assert 'no Application declares "day" in vars; did you mean "days"?' in answer.err
    assert ecsync("validate", small, "--var", "days").code == 64


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_line_is_wrapped_at_the_width_of_the_terminal(columns: int) -> None:
    """Nothing is lost, no line is wider, and a Korean syllable takes two columns."""
    text = '        Description: "' + "한국어" * 30 + '" → "x" [pending] (new revision) service.yaml:32'
    lines = wrapped(text, columns)
    assert len(lines) > 1
    assert max(cell_len(line) for line in lines) <= columns
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert wrapped(text, 0) == [text]


def test_a_command_to_copy_stays_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Also on a terminal that is narrower: a line break would end it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    copied = "      ecsync adopt manifests/shop --installation prod LogGroup/shop"
    _show.put([(copied, _show.COMMAND), (copied, "dim")])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == copied
    assert len(rest) > 1
    assert [text for line in indented((copied, _show.COMMAND), 40) for text, _ in line] == [f"  {copied}"]
