"""The image: what the builder gets, what is left out, and what both architectures have in common."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import botocore
import pytest

from deploy.container import trim
from ecsync import kinds

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DATA = Path(botocore.__file__).parent / "data"
# Calls as they stand in the source: `cloud.call("s3", "GetObject", …)`, ("sts", "AssumeRole"), "ecs.ListServices".
CALLED = re.compile(r"""["']([a-z0-9-]+)(?:["'],\s*["']|\.)[A-Z][A-Za-z]+["']""")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return site-packages with botocore, its data as links, and a package that installs its tests."""
    folder = tmp_path / "site-packages"
    shutil.copytree(DATA.parent, folder / "botocore", ignore=shutil.ignore_patterns("data", "__pycache__"))
    (folder / "botocore" / "data").mkdir()
    for entry in DATA.iterdir():
        if entry.is_dir() and entry.name in trim.kept_services() | {"lambda", "rds"}:
            shutil.copytree(entry, folder / "botocore" / "data" / entry.name)
        elif entry.is_file():
            shutil.copy(entry, folder / "botocore" / "data" / entry.name)
    (folder / "some" / "tests").mkdir(parents=True)
    (folder / "some" / "tests" / "test_it.py").touch()
    return folder


def trimmed(packages: Path) -> None:
    for path in trim.superfluous(packages, trim.kept_services()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_every_service_that_is_kept_has_a_client_afterwards(packages: Path) -> None:
    """With its endpoint and its operations; without a network."""
    trimmed(packages)
    program = (
        "import botocore.session, sys\n"
        "session = botocore.session.Session()\n"
        "for name in sys.argv[1:]:\n"
        "    keys = {'aws_access_key_id': 'a', 'aws_secret_access_key': 'b'}\n"
        "    client = session.create_client(name, region_name='eu-west-1', **keys)\n"
        "    assert client.meta.service_model.operation_names, name\n"
        "print(sorted(session.get_available_services()) == sorted(sys.argv[1:]))\n"
    )
    environment = {"PYTHONPATH": str(packages), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program, *trim.kept_services()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_what_is_removed_is_examples_tests_and_other_services(packages: Path) -> None:
    """Endpoints, partitions and retries of all services stay."""
    before = {file.relative_to(packages) for file in packages.rglob("*") if file.is_file()}
    trimmed(packages)
    gone = before - {file.relative_to(packages) for file in packages.rglob("*") if file.is_file()}
    assert gone
    for file in gone:
        *_, last = file.parts
        assert file.parts[2:3] in [("lambda",), ("rds",)] or last.startswith("examples-") or "tests" in file.parts, file
    for name in ("endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json"):
        assert (packages / "botocore" / "data" / name).is_file()


def test_a_model_that_is_not_there_stops_the_build(packages: Path) -> None:
    """An image without it would fail at its first call."""
    with pytest.raises(ValueError, match="no model of nonsense"):
        list(trim.superfluous(packages, frozenset({"ecs", "nonsense"})))


def test_every_service_in_the_source_is_kept() -> None:
    """Those that kinds declare, and those that the code names beside an operation."""
    declared = {
        operation.partition(".")[0] for kind in kinds.ALL for operation in (*kind.reads, *kind.writes, *kind.deletes)
    }
    services = {folder.name for folder in DATA.iterdir() if folder.is_dir()}
    named = {
        name
        for file in (ROOT / "controller" / "ecsync").rglob("*.py")
        for name in CALLED.findall(file.read_text())
        if name in services
    }
    assert {"s3", "sts"} <= named  # else the pattern finds nothing
    assert declared | named <= trim.kept_services()


def test_the_builder_gets_every_file_that_the_dockerfile_copies_and_no_other() -> None:
    """`.dockerignore` excludes everything and lists what comes in."""
    excluded, *lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        part for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for part in line.split()[:-1]
    }
    assert excluded == "*"
    assert allowed == copied
    assert all((ROOT / name).exists() for name in copied)


def test_every_lock_that_can_be_chosen_checks_hashes() -> None:
    """And takes wheels alone: nothing is compiled or run in a build."""
    installs = re.findall(r"install --quiet (.+?)(?:\n(?! )|&&)", DOCKERFILE.replace("\\\n", " "))
    online = [line for line in installs if "--no-index" not in line]
    assert len(online) == 3
    for line in online:
        assert "--require-hashes --only-binary :all:" in line
    for name in re.findall(r"locks/([a-z]+)\.txt", DOCKERFILE):
        blocks = re.split(r"\n(?=[a-z])", (ROOT / "locks" / f"{name}.txt").read_text())
        assert all("--hash=sha256:" in block for block in blocks if "==" in block), name


def test_the_image_runs_without_rights_and_has_its_labels() -> None:
    """The last stage is the daemon: a plain `docker build` makes it."""
    stages = re.findall(r"^FROM \S+ AS ([a-z-]+)$", DOCKERFILE, re.MULTILINE)
    assert stages[-1] == "ecsync"
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in DOCKERFILE


def test_both_images_are_built_for_both_architectures_with_attestations() -> None:
    """The file of bake names stages and arguments that are in the Dockerfile."""
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert 'platforms = ["linux/amd64", "linux/arm64"]' in bake
    assert 'attest = ["type=sbom", "type=provenance,mode=max"]' in bake
    stages = set(re.findall(r"^FROM \S+ AS ([a-z-]+)$", DOCKERFILE, re.MULTILINE))
    assert set(re.findall(r'^  target\s+= "([a-z-]+)"', bake, re.MULTILINE)) == {"ecsync", "simulator"} <= stages
    arguments = set(re.findall(r"^    ([A-Z]+) +=", bake, re.MULTILINE))
    assert arguments == {"BASE", "VERSION", "REVISION"}
    assert all(f"ARG {name}" in DOCKERFILE for name in arguments)
    (base,) = re.findall(r'variable "BASE" { default = "(.+?)" }', bake)
    assert f"ARG BASE={base}\n" in DOCKERFILE
