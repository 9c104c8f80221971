"""`ecsync import`: files on stdout, what to look at on stderr, nothing overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsim import Fault
from ecsync import cli
from tests.importer.builder import Builder

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


# ---------------------------------------------------------------- which cluster

ARN = "arn:aws:ecs:{}:{}:cluster/prod"


@pytest.mark.usefixtures("made")
def test_a_cluster_may_be_named_by_its_arn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Region and the account of the ARN are asserted, not passed over."""
    code, out, _ = _run(capsys, "import", "--cluster", ARN.format("eu-west-1", "123456789012"), "-d", tmp_path / "a")
    assert (code, len(out.splitlines())) == (0, len(FILES))
    code, _, err = _run(capsys, "import", "--cluster", ARN.format("us-east-1", "123456789012"), "-d", tmp_path / "b")
    assert (code, "there is no cluster 'prod' in 123456789012/us-east-1" in err) == (1, True)
    code, _, err = _run(capsys, "import", "--cluster", ARN.format("eu-west-1", "999999999999"), "-d", tmp_path / "b")
    assert (code, "999999999999 is meant" in err) == (9, True)
    arguments = ("--cluster", ARN.format("us-east-1", "123456789012"), "--region", "eu-west-1", "-d", tmp_path / "b")
    code, _, err = _run(capsys, "import", *arguments)
    assert (code, "--region is eu-west-1" in err) == (64, True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "arn:aws:ecs:eu-west-1:1:cluster/prod", "prod\n"])
def test_what_is_no_name_of_a_cluster_is_a_usage_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS is not asked for it."""
    code, _, err = _run(capsys, "import", "--cluster", name, "-d", tmp_path)
    assert (code, "neither the name nor the ARN of a cluster" in err) == (64, True)


@pytest.mark.usefixtures("built")
def test_the_clusters_that_there_are_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is almost right is recognised."""
    code, _, err = _run(capsys, "import", "--cluster", "Prod", "-d", tmp_path)
    assert (code, 'did you mean "prod"?' in err) == (1, True)


# ---------------------------------------------------------------- which directory


@pytest.mark.usefixtures("made")
def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so in a line, and no file is half there."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "a" / "cluster.yaml").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "services").write_text("mine")
    for directory in ("file", "file/below", "a", "b"):
        code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / directory)
        assert (code, out, "nothing was written" in err, len(err.splitlines())) == (1, "", True, len(err.splitlines()))
        assert "Traceback" not in err
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == ["a", "a/cluster.yaml", "b", "b/services", "file"]


def test_a_place_that_cannot_be_written_to_is_said_before_aws_is_asked(
    made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for a hundred services to be read first."""
    (tmp_path / "file").write_text("mine")
    mark = len(made.stage.simulator.ledger)
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "file")[0] == 1
    assert made.stage.calls(mark) == {}


@pytest.mark.usefixtures("made")
def test_manifests_that_are_there_stand_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They would be part of the application; with --force they are, and the person is told."""
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "services").mkdir()
    other = tmp_path / "services" / "old.yaml"
    other.write_text("apiVersion: ecsync/v1\nresources:\n  LogGroup/old: {}\n")
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, out, "services/old.yaml" in err) == (1, "", True)
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--force")
    assert (code, len(out.splitlines())) == (0, len(FILES))
    assert "check: services/old.yaml existed before and was not written by this import" in err
    other.write_text("apiVersion: ecsync/v1\nresources:\n  Service/api: {cluster: prod, taskDefinition: api}\n")
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--force")
    assert (code, "duplicate name: Service/api is already declared" in err) == (3, True)


@pytest.mark.usefixtures("made")
def test_a_link_to_nothing_is_not_overwritten_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever made it meant something by it."""
    (tmp_path / "cluster.yaml").symlink_to(tmp_path / "nowhere")
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, "cluster.yaml" in err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]


def test_two_clusters_do_not_mix(made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even with --force: what is left of the first would be the second's. Beside each other they go together."""
    made.ecs.create_cluster(clusterName="other")
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")[0] == 0
    before = (tmp_path / "prod" / "application.yaml").read_text()
    code, _, err = _run(capsys, "import", "--cluster", "other", "-d", tmp_path / "prod", "--force")
    assert (code, "contains application prod; use another directory for other" in err) == (1, True)
    assert (tmp_path / "prod" / "application.yaml").read_text() == before
    assert _run(capsys, "import", "--cluster", "other", "-d", tmp_path / "other")[0] == 0
    assert _run(capsys, "plan", tmp_path, "--detailed-exitcode")[0] == 0


# ---------------------------------------------------------------- what cannot be read


def test_an_import_that_is_not_complete_exits_with_6(
    made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes what can be read, and says what is not there, why, and which right is lacking."""
    made.stage.simulator.fault(Fault("deny", service="elbv2", operation="DescribeRules", times=None))
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert code == 6
    assert out.splitlines() == [str(tmp_path / name) for name in FILES]
    (line,) = (line for line in err.splitlines() if line.startswith("left out: "))
    assert line.startswith("left out: the rules of Listener web-80: elbv2.DescribeRules: AccessDenied: ")
    assert line.endswith("; allow elasticloadbalancing:DescribeRules")
    made.stage.simulator.clear_faults()
    assert _run(capsys, "plan", tmp_path, "--detailed-exitcode")[0] == 0


def test_an_import_of_nothing_writes_nothing(made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a single right there is no application to write."""
    made.stage.simulator.fault(Fault("deny", service="ecs", times=None))
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")
    assert (code, out) == (1, "")
    assert "allow ecs:DescribeClusters" in err
    assert "allow ecs:ListServices" in err
    assert not (tmp_path / "prod").exists()


# ---------------------------------------------------------------- adoption


def test_adopt_leaves_what_others_keep_and_may_be_said_twice(
    made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another tool's service gets no tag of ours; the second time nothing is tagged, and the files are the same."""
    made.service("theirs", tags=[{"key": "terraform:workspace", "value": "prod"}])
    made.stage.simulator.advance(300)
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt")
    assert (code, "Service/api: adopted" in err, "Service/theirs: adopted" in err) == (0, True, False)
    described = made.ecs.describe_services(cluster="prod", services=["theirs"], include=["TAGS"])["services"][0]
    assert described["tags"] == [{"key": "terraform:workspace", "value": "prod"}]
    before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    mark = len(made.stage.simulator.ledger)
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt", "--force")[0] == 0
    assert made.stage.simulator.ledger.mutations(mark) == ()
    assert {path: path.read_text() for path in tmp_path.rglob("*.yaml")} == before


def test_no_value_of_the_environment_is_printed(
    made: Builder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files hold them, because they are the manifest; stdout and stderr do not, whatever goes wrong."""
    variables = [{"name": "URL", "value": "postgres://me:hunter3@db/x"}, {"name": "${Cluster/x}", "value": "hunter4"}]
    labels = {"${Cluster/prod}": "hunter5"}
    made.service("web", taskDefinition=made.task("web", container={"environment": variables}))
    made.service("bad", taskDefinition=made.task("bad", container={"environment": variables, "dockerLabels": labels}))
    made.stage.simulator.advance(300)
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, "hunter" in out + err) == (6, False)
    assert "containerDefinitions[app].environment[URL] looks like a secret" in err
    assert "hunter3" in (tmp_path / "services" / "web.yaml").read_text()
