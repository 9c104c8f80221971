"""`ecsync import`: file names on stdout, review notes on stderr, no file overwritten without --force."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsim import Fault
from ecsync import cli
from tests.importer.account_builder import AccountBuilder

FILES = ["application.yaml", "cluster.yaml", "network.yaml", "services/api.yaml"]


@pytest.fixture
def cluster(builder: AccountBuilder) -> AccountBuilder:
    """A cluster with a steady service that has a variable which looks like a secret."""
    variables = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PORT", "value": "80"}]
    task = builder.task("api", container={"environment": variables})
    builder.service("api", taskDefinition=task, loadBalancers=[builder.routed_target_group("api")])
    builder.account.simulator.advance(300)
    return builder


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main([str(one) for one in arguments])
    printed = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.out, printed.err


@pytest.mark.usefixtures("cluster")
def test_import_writes_the_files_and_prints_review_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout lists the files; stderr names a suspected secret without its value; the plan afterwards is empty."""
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")
    assert code == 0
    assert out.splitlines() == [str(tmp_path / "prod" / name) for name in FILES]
    assert "containerDefinitions[app].environment[DB_PASSWORD] looks like a secret" in err
    assert ("hunter2" in err, "PORT" in err) == (False, False)
    assert "DB_PASSWORD: hunter2" in (tmp_path / "prod" / "services" / "api.yaml").read_text()
    assert sorted(path.name for path in (tmp_path / "prod").rglob("*.tmp")) == []
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "prod").rglob("*.yaml")}
    assert [name for name, mode in modes.items() if mode == 0] == ["api.yaml"], "only the user may read the secret"
    code, out, _ = _run(capsys, "plan", tmp_path / "prod", "--detailed-exitcode")
    assert code == 0, out


@pytest.mark.usefixtures("cluster")
def test_nothing_is_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One existing file stops the import; --force overwrites it."""
    (tmp_path / "cluster.yaml").write_text("mine")
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, out) == (1, "")
    assert "cluster.yaml" in err
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]
    assert (tmp_path / "cluster.yaml").read_text() == "mine"
    code, out, _ = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--force")
    assert (code, len(out.splitlines())) == (0, len(FILES))


def test_adopt_marks_every_managed_resource(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--adopt writes tags and nothing else."""
    mark = len(cluster.account.simulator.ledger)
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt")
    assert code == 0, err
    assert out.splitlines() == [str(tmp_path / name) for name in FILES]
    assert "Service/api: adopted" in err
    writes = {one.operation for one in cluster.account.simulator.ledger.mutations(mark)}
    assert writes == {"TagResource", "AddTags"}
    code, out, _ = _run(capsys, "plan", tmp_path, "--detailed-exitcode")
    assert code == 0, out


@pytest.mark.usefixtures("builder")
def test_a_missing_cluster_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the cluster, and no file is written."""
    code, _, err = _run(capsys, "import", "--cluster", "nowhere", "-d", tmp_path)
    assert code == 1
    assert "cluster 'nowhere' does not exist" in err
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- which cluster

ARN = "arn:aws:ecs:{}:{}:cluster/prod"


@pytest.mark.usefixtures("cluster")
def test_a_cluster_may_be_named_by_its_arn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Region and the account of the ARN are asserted."""
    code, out, _ = _run(capsys, "import", "--cluster", ARN.format("eu-west-1", "123456789012"), "-d", tmp_path / "a")
    assert (code, len(out.splitlines())) == (0, len(FILES))
    code, _, err = _run(capsys, "import", "--cluster", ARN.format("us-east-1", "123456789012"), "-d", tmp_path / "b")
    assert (code, "cluster 'prod' does not exist in 123456789012/us-east-1" in err) == (1, True)
    code, _, err = _run(capsys, "import", "--cluster", ARN.format("eu-west-1", "999999999999"), "-d", tmp_path / "b")
    assert (code, "but 999999999999 is expected" in err) == (9, True)
    arguments = ("--cluster", ARN.format("us-east-1", "123456789012"), "--region", "eu-west-1", "-d", tmp_path / "b")
    code, _, err = _run(capsys, "import", *arguments)
    assert (code, "--region is eu-west-1" in err) == (64, True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "arn:aws:ecs:eu-west-1:1:cluster/prod", "prod\n"])
def test_an_invalid_cluster_name_is_a_usage_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command makes no call."""
    code, _, err = _run(capsys, "import", "--cluster", name, "-d", tmp_path)
    assert (code, "neither the name nor the ARN of a cluster" in err) == (64, True)


@pytest.mark.usefixtures("builder")
def test_the_error_suggests_an_existing_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A similar name is suggested."""
    code, _, err = _run(capsys, "import", "--cluster", "Prod", "-d", tmp_path)
    assert (code, 'did you mean "prod"?' in err) == (1, True)


# ---------------------------------------------------------------- which directory


@pytest.mark.usefixtures("cluster")
def test_an_unwritable_directory_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error has no traceback, and no file is written."""
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


def test_an_unwritable_directory_is_reported_before_any_call(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user does not wait for the reads first."""
    (tmp_path / "file").write_text("mine")
    mark = len(cluster.account.simulator.ledger)
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "file")[0] == 1
    assert cluster.account.calls(mark) == {}


@pytest.mark.usefixtures("cluster")
def test_existing_manifests_stop_the_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They would become part of the application; with --force they do, and stderr names them."""
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


@pytest.mark.usefixtures("cluster")
def test_a_broken_link_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts as an existing file."""
    (tmp_path / "cluster.yaml").symlink_to(tmp_path / "nowhere")
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, "cluster.yaml" in err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]


def test_two_clusters_cannot_share_a_directory(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--force does not allow it: files of the first would join the second. Separate directories work."""
    cluster.ecs.create_cluster(clusterName="other")
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")[0] == 0
    before = (tmp_path / "prod" / "application.yaml").read_text()
    code, _, err = _run(capsys, "import", "--cluster", "other", "-d", tmp_path / "prod", "--force")
    assert (code, "contains application prod; use another directory for other" in err) == (1, True)
    assert (tmp_path / "prod" / "application.yaml").read_text() == before
    assert _run(capsys, "import", "--cluster", "other", "-d", tmp_path / "other")[0] == 0
    assert _run(capsys, "plan", tmp_path, "--detailed-exitcode")[0] == 0


# ---------------------------------------------------------------- what cannot be read


def test_an_incomplete_import_exits_with_6(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes what it can read, and reports what is left out, the reason and the missing IAM action."""
    cluster.account.simulator.fault(Fault("deny", service="elbv2", operation="DescribeRules", times=None))
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert code == 6
    assert out.splitlines() == [str(tmp_path / name) for name in FILES]
    (line,) = (line for line in err.splitlines() if line.startswith("left out: "))
    assert line.startswith("left out: the rules of Listener web-80: elbv2.DescribeRules: AccessDenied: ")
    assert line.endswith("; allow elasticloadbalancing:DescribeRules")
    cluster.account.simulator.clear_faults()
    assert _run(capsys, "plan", tmp_path, "--detailed-exitcode")[0] == 0


def test_an_import_of_nothing_writes_nothing(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any permission there is no application."""
    cluster.account.simulator.fault(Fault("deny", service="ecs", times=None))
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path / "prod")
    assert (code, out) == (1, "")
    assert "allow ecs:DescribeClusters" in err
    assert "allow ecs:ListServices" in err
    assert not (tmp_path / "prod").exists()


# ---------------------------------------------------------------- adoption


def test_adopt_skips_resources_of_others_and_can_be_repeated(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another tool's service gets no tag. The second run writes no tag, and the same files."""
    cluster.service("theirs", tags=[{"key": "terraform:workspace", "value": "prod"}])
    cluster.account.simulator.advance(300)
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt")
    assert (code, "Service/api: adopted" in err, "Service/theirs: adopted" in err) == (0, True, False)
    described = cluster.ecs.describe_services(cluster="prod", services=["theirs"], include=["TAGS"])["services"][0]
    assert described["tags"] == [{"key": "terraform:workspace", "value": "prod"}]
    before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    mark = len(cluster.account.simulator.ledger)
    assert _run(capsys, "import", "--cluster", "prod", "-d", tmp_path, "--adopt", "--force")[0] == 0
    assert cluster.account.simulator.ledger.mutations(mark) == ()
    assert {path: path.read_text() for path in tmp_path.rglob("*.yaml")} == before


def test_no_value_of_the_environment_is_printed(
    cluster: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files contain them, because they are the manifest; stdout and stderr do not, also on errors."""
    variables = [{"name": "URL", "value": "postgres://me:hunter3@db/x"}, {"name": "${Cluster/x}", "value": "hunter4"}]
    labels = {"${Cluster/prod}": "hunter5"}
    cluster.service("web", taskDefinition=cluster.task("web", container={"environment": variables}))
    cluster.service(
        "bad", taskDefinition=cluster.task("bad", container={"environment": variables, "dockerLabels": labels})
    )
    cluster.account.simulator.advance(300)
    code, out, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert (code, "hunter" in out + err) == (6, False)
    assert "containerDefinitions[app].environment[URL] looks like a secret" in err
    assert "hunter3" in (tmp_path / "services" / "web.yaml").read_text()


def test_a_service_of_express_mode_is_only_looked_up(
    builder: AccountBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So is what ECS keeps for it; a note names it. A service beside it is imported as always."""
    for name in ("express", "plain"):
        builder.service(name, taskDefinition=builder.task(name), loadBalancers=[builder.routed_target_group(name)])
    builder.account.simulator.advance(300)
    builder.account.simulator.make_express("prod", "express")
    code, _, err = _run(capsys, "import", "--cluster", "prod", "-d", tmp_path)
    assert code == 0, err
    assert "check: Service/express is a service of ECS Express Mode: ECS keeps it" in err
    assert "UpdateExpressGatewayService" in err
    express, plain = ((tmp_path / "services" / f"{name}.yaml").read_text() for name in ("express", "plain"))
    assert express.splitlines()[1] == "# Read-only.", "each document of the file"
    assert "ecsync/manage" not in plain
