"""`ecsync import`: files on stdout, what to look at on stderr, nothing overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller import cli

from .builder import Builder

FILES = ["application.yaml", "cluster.yaml", "network.yaml", "services/api.yaml"]


@pytest.fixture
def made(built: Builder) -> Builder:
    """A service with a variable that looks like a secret, at rest."""
    variables = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PORT", "value": "80"}]
    task = built.task("api", container={"environment": variables})
    built.service("api", taskDefinition=task, loadBalancers=[built.behind("api")])
    built.stage.simulator.advance(300)
    return built


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main([str(one) for one in arguments])
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


@pytest.mark.usefixtures("made")
def test_it_writes_the_files_and_says_what_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files are listed on stdout; a secret's name, and never its value, is told on stderr; AWS is only read."""
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")
    assert code == 0
    assert out.splitlines() == [str(tmp_path / "prod" / name) for name in FILES]
    assert "containerDefinitions[app].environment[DB_PASSWORD] looks like a secret" in err
    assert ("hunter2" in err, "PORT" in err) == (False, False)
    assert "DB_PASSWORD: hunter2" in (tmp_path / "prod" / "services" / "api.yaml").read_text()
    assert sorted(path.name for path in (tmp_path / "prod").rglob("*.tmp")) == []
    code, out, _ = _run(capsys, "plan", tmp_path / "prod", "--detailed-exitcode")
    assert code == 0, out


@pytest.mark.usefixtures("made")
def test_nothing_is_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file that is there stops all of it; --force writes."""
    (tmp_path / "cluster.yaml").write_text("mine")
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, out) == (1, "")
    assert "cluster.yaml" in err
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]
    assert (tmp_path / "cluster.yaml").read_text() == "mine"
    code, out, _ = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--force")
    assert (code, len(out.splitlines())) == (0, len(FILES))


def test_adopt_puts_our_tags(made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --adopt everything that is managed carries our mark, and nothing but tags was written."""
    mark = len(made.stage.simulator.ledger)
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt")
    assert code == 0, err
    assert out.splitlines() == [str(tmp_path / name) for name in FILES]
    assert "Service/api: adopted" in err
    writes = {one.operation for one in made.stage.simulator.ledger.mutations(mark)}
    assert writes == {"TagResource", "AddTags"}
    code, out, _ = _run(capsys, "plan", tmp_path, "--detailed-exitcode")
    assert code == 0, out


@pytest.mark.usefixtures("built")
def test_a_cluster_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names it and what lists those that there are; nothing is written."""
    code, _, err = _run(capsys, "import", "--cluster", "nowhere", "-d", tmp_path)
    assert code == 1
    assert "there is no cluster 'nowhere'" in err
    assert list(tmp_path.iterdir()) == []
