"""The wheel and the sdist: what is in them, and which commit they name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.release import build_hook

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PARTS = ("pyproject.toml", "README.md", "LICENSE", "controller", "manifests/quickstart", "deploy/release")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what a build needs, without a repository."""
    root = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, root / part)
    return root


@pytest.fixture(scope="module")
def built(tree: Path) -> Path:
    """Return a folder with sdist and wheel, built with a given commit, and a wheel that was built from the sdist."""
    build(tree, "sdist", "wheel", commit=COMMIT)
    (sdist,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tree / "again", filter="data")
    (again,) = (tree / "again").iterdir()
    build(again, "wheel", commit="")
    (wheel,) = (again / "dist").iterdir()
    (tree / "dist" / "again").mkdir()
    wheel.rename(tree / "dist" / "again" / wheel.name)
    return tree / "dist"


def build(root: Path, *targets: str, commit: str) -> None:
    arguments = [part for target in targets for part in ("-t", target)]
    environment = {"PATH": "/usr/bin:/bin", "ECSYNC_COMMIT": commit}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def wheel_of(folder: Path) -> ZipFile:
    (file,) = folder.glob("*.whl")
    return ZipFile(file)


def test_the_wheel_has_every_file_of_both_packages_and_no_other(built: Path) -> None:
    """Types are marked, the quickstart is in, tests and tools are not."""
    with wheel_of(built) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    controller = ROOT / "controller"
    source = {str(file.relative_to(controller)) for file in controller.rglob("*") if file.is_file()}
    quickstart = {f"ecsync/manifests/quickstart/{file.name}" for file in (ROOT / "manifests" / "quickstart").iterdir()}
    assert names == {name for name in source if "__pycache__" not in name} | quickstart
    assert {"ecsync/py.typed", "ecsim/py.typed", "ecsync/awsmodel/beyond_the_model.json"} <= names


def test_the_metadata_is_complete(built: Path) -> None:
    """An index shows it: summary, readme, licence, Python, extras, the command."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with wheel_of(built) as wheel:
        folder = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
        metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
        assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert f"ecsync = {project['scripts']['ecsync']}" in wheel.read(f"{folder}/entry_points.txt").decode()
        assert "Tag: py3-none-any" in wheel.read(f"{folder}/WHEEL").decode()
    assert metadata["Name"] == "ecsync"
    assert metadata["Version"] == project["version"]
    assert metadata["Summary"] == project["description"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# ecsync")
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(required) == len(project["dependencies"])


@pytest.mark.parametrize("folder", [".", "again"], ids=["from the tree", "from the sdist"])
def test_the_wheel_names_the_commit(built: Path, folder: str) -> None:
    """That of an sdist is the one with which the sdist was built."""
    with wheel_of(built / folder) as wheel:
        assert wheel.read("ecsync/commit.txt").decode().strip() == COMMIT


def test_the_sdist_makes_the_same_wheel(built: Path) -> None:
    """Byte for byte."""
    (first,), (again,) = built.glob("*.whl"), (built / "again").glob("*.whl")
    assert first.read_bytes() == again.read_bytes()


def test_an_sdist_has_no_environment_and_no_cache(built: Path) -> None:
    """Only what git tracks belongs to it."""
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = archive.getnames()
    assert [name for name in names if re.search(r"/(\.venv|__pycache__|node_modules|dist|again)(/|$)", name)] == []


def test_a_tree_without_git_has_an_unknown_commit(tree: Path) -> None:
    """It is not guessed."""
    assert build_hook.commit_of(tree, None) == "unknown"
    assert build_hook.commit_of(tree, "") == "unknown"


def test_the_commit_of_a_repository_around_the_tree_is_not_taken(tree: Path, tmp_path: Path) -> None:
    """A copy of the source within another project has no commit of that project."""
    repository(tmp_path, "other")
    shutil.copytree(tree / "controller", tmp_path / "vendor" / "controller")
    assert build_hook.commit_of(tmp_path / "vendor", None) == "unknown"


def test_the_commit_of_a_checkout_is_that_of_its_head(tmp_path: Path) -> None:
    """A change that is not committed adds -dirty; a file that is not shipped does not count."""
    (tmp_path / "controller").mkdir()
    (tmp_path / "controller" / "code.py").write_text("one = 1\n")
    head = repository(tmp_path, "controller")
    assert build_hook.commit_of(tmp_path, None) == head
    (tmp_path / "notes.txt").write_text("not shipped\n")
    assert build_hook.commit_of(tmp_path, None) == head
    (tmp_path / "controller" / "code.py").write_text("one = 2\n")
    assert build_hook.commit_of(tmp_path, None) == f"{head}-dirty"


def test_an_archive_of_git_names_its_commit(tmp_path: Path) -> None:
    """`git archive` writes it into commit.txt, by .gitattributes."""
    work, archive = tmp_path / "work", tmp_path / "archive"
    place = work / "controller" / "ecsync"
    place.mkdir(parents=True)
    archive.mkdir()
    shutil.copy(ROOT / ".gitattributes", work)
    shutil.copy(ROOT / "controller" / "ecsync" / "commit.txt", place)
    head = repository(work, ".")
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=work, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x"], cwd=archive, input=packed, check=True)
    assert build_hook.commit_of(archive, None) == head


@pytest.mark.parametrize("given", ["main", "0123456", COMMIT.upper(), f"{COMMIT} "])
def test_a_given_commit_that_is_none_stops_the_build(tree: Path, given: str) -> None:
    """The error names the variable."""
    with pytest.raises(ValueError, match="ECSYNC_COMMIT"):
        build_hook.commit_of(tree, given)


def repository(root: Path, *files: str) -> str:
    """Make a repository of a folder, commit files of it, and return the id."""
    for name in files:
        if not (root / name).exists():
            (root / name).write_text("content\n")
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "--", *files], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
