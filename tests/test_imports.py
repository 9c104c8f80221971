"""Rules about the source tree that a machine can check: who imports whom, what is loaded lazily, sizes, duplicates."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "controller"

# What each part of `ecsync` may import of the package beside itself. Only `wiring` sees everything.
PARTS: dict[str, set[str]] = {
    "core": set(),
    "language": {"core"},
    "testing": {"core"},
    "accounts": {"core"},
    "version": set(),
    "installed": set(),
    "health": set(),
    "__main__": {"health", "cli"},
    "settings": {"core", "accounts"},
    "config": {"core", "accounts", "settings"},
    "kinds": {"core"},
    "awsmodel": {"core"},
    "aws": {"core", "awsmodel"},
    "engine": {"core"},
    "sources": {"core", "installed"},
    "lease": {"core", "sources"},
    "guards": {"core"},
    "report": {"core"},
    "http": {"core"},
    "importer": {"core", "language"},
    "offline": {"core", "language", "kinds", "awsmodel", "config"},
    "verify": {"core", "offline"},
    "wiring": {
        "core",
        "language",
        "kinds",
        "awsmodel",
        "importer",
        "engine",
        "sources",
        "lease",
        "guards",
        "report",
        "http",
        "aws",
        "accounts",
        "version",
        "installed",
        "config",
        "verify",
    },
    # A verb asks `wiring` for what it works with. It never builds a client or reads a source by itself.
    "cli": {
        "core",
        "language",
        "engine",
        "report",
        "http",
        "importer",
        "offline",
        "config",
        "guards",
        "verify",
        "version",
        "wiring",
    },
}
# The same for `ecsim`: the account is the ground floor, the wire is on top, `simulator` puts them together.
ROOMS: dict[str, set[str]] = {
    "account": set(),
    "moto": {"account"},
    "cloudwatch": {"account"},
    "ec2": {"account", "moto"},
    "elbv2": {"account", "moto"},
    "autoscaling": {"account", "moto", "ec2", "elbv2"},
    "ecs": {"account", "moto", "ec2", "elbv2", "autoscaling"},
    "application_autoscaling": {"account", "ecs"},
    "owner": {"account", "elbv2", "ecs", "application_autoscaling"},
    "access": {"account", "moto", "cloudwatch", "ec2", "elbv2", "autoscaling", "ecs", "application_autoscaling"},
    "http": {
        "access",
        "account",
        "moto",
        "cloudwatch",
        "ec2",
        "elbv2",
        "autoscaling",
        "ecs",
        "application_autoscaling",
        "owner",
    },
    "simulator": {
        "account",
        "moto",
        "cloudwatch",
        "elbv2",
        "autoscaling",
        "ecs",
        "application_autoscaling",
        "http",
        "owner",
    },
}
PACKAGES: dict[str, dict[str, set[str]]] = {"ecsync": PARTS, "ecsim": ROOMS}
TOP = {
    "ecsync": {"testing", "accounts", "config", "settings", "version", "installed", "health", "__main__"},
    "ecsim": {"owner", "simulator"},
}  # modules beside the folders
AWS_LIBRARIES = {"boto3", "botocore"}
IMPURE = {"boto3", "botocore", "logging", "structlog", "threading", "time", "os", "socket", "subprocess", "asyncio"}
MOST_FILES = 22  # in one folder, `__init__.py` apart
MOST_LINES = 400  # in one file, tables apart
TABLES: frozenset[str] = frozenset()  # modules that are nothing but data
LONG = 10  # lines of a function that may not occur twice


@dataclass(frozen=True)
class Import:
    """One import: where it stands, what it names, and whether it runs when the module is imported."""

    module: str  # dotted: `ecsync.core.plan`
    line: int
    target: str
    at_import: bool
    for_types: bool

    @property
    def package(self) -> str:
        """`ecsync` or `ecsim`."""
        return self.module.split(".")[0]

    @property
    def part(self) -> str:
        """The part that imports: `core`; empty for the package itself."""
        return _part(self.module)

    @property
    def library(self) -> str:
        """The library that is imported; empty for a module of ours."""
        name = self.target.split(".")[0]
        return "" if name in PACKAGES else name

    @property
    def target_part(self) -> str:
        """The part that is imported; empty for a library, or for the package itself."""
        return "" if self.library else _part(self.target)

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def _part(dotted: str) -> str:
    return dotted.split(".")[1] if "." in dotted else ""


@cache
def files() -> dict[str, Path]:
    """Return the file of each module by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each module by its dotted name."""
    return {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in files().items()}


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of every module."""
    return tuple(one for module, tree in trees().items() for one in _imports(module, tree, True, False))


def _imports(module: str, node: ast.AST, at_import: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        for target in _targets(child):
            yield Import(module, getattr(child, "lineno", 0), target, at_import and not for_types, for_types)
        yield from _imports(module, child, at_import and not inside_function, for_types or typing)


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0, "imports are absolute"
        # `from ecsync import config` names a part; `from ecsync.core import plan` a module of one.
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """Return one circle in a graph; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


class TestParts:
    """Imports point inwards."""

    @pytest.mark.parametrize("package", PACKAGES)
    def test_every_part_is_in_the_table_and_every_line_of_the_table_is_a_part(self, package: str) -> None:
        """A new part states what it may import; a part that is gone leaves the table."""
        folders = {path.name for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()}
        assert folders | TOP[package] == PACKAGES[package].keys()

    @pytest.mark.parametrize(
        ("package", "part"), [(package, part) for package, parts in PACKAGES.items() for part in sorted(parts)]
    )
    def test_a_part_imports_only_what_it_may(self, package: str, part: str) -> None:
        """Also inside functions, and for types."""
        allowed = PACKAGES[package][part] | {part, ""}
        own = [one for one in imports() if one.package == package and one.part == part and not one.library]
        wrong = [str(one) for one in own if one.target.startswith(package) and one.target_part not in allowed]
        assert wrong == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_no_part_imports_itself_through_another(self, package: str) -> None:
        """The table has no circle."""
        assert circle(PACKAGES[package]) == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_no_module_imports_itself_through_another(self, package: str) -> None:
        """Also not inside functions, and not for types."""
        edges: dict[str, set[str]] = {}
        for one in imports():
            target = one.target if one.target in files() else one.target.rpartition(".")[0]
            if one.package == package and target in files() and target not in (package, one.module):
                edges.setdefault(one.module, set()).add(target)
        assert circle(edges) == []

    def test_the_simulator_stands_alone(self) -> None:
        """It shares none of our assumptions: it imports nothing of ecsync, and one module of ecsync starts it."""
        assert [str(one) for one in imports() if one.package == "ecsim" and one.target.startswith("ecsync")] == []
        users = {one.module for one in imports() if one.package == "ecsync" and one.target.startswith("ecsim")}
        assert users == {"ecsync.wiring.simulated"}

    def test_only_aws_imports_boto3(self) -> None:
        """Everybody else is given a Cloud; `awsmodel` reads botocore's models and makes no call."""
        ours = [one for one in imports() if one.package == "ecsync"]
        assert {one.part for one in ours if one.library == "boto3"} <= {"aws"}
        assert {one.part for one in ours if one.library == "botocore"} <= {"aws", "awsmodel"}

    def test_only_one_room_imports_moto(self) -> None:
        """What leans on moto stands together."""
        assert {(one.package, one.part) for one in imports() if one.library == "moto"} == {("ecsim", "moto")}

    @pytest.mark.parametrize("part", ["core", "kinds"])
    def test_the_core_and_the_kinds_are_pure(self, part: str) -> None:
        """No client, clock, thread, log, process or file; a kind reads AWS through its argument."""
        ours = [one for one in imports() if one.package == "ecsync" and one.part == part]
        assert [str(one) for one in ours if one.library in IMPURE] == []

    def test_only_the_settings_read_the_environment(self) -> None:
        """One reader of `os.environ`, so that every setting has one name and one place."""
        # The health check must not load the settings. The simulated AWS sets a variable of moto's before moto reads it.
        assert readers() - {"ecsync.config", "ecsync.health", "ecsim.moto.seams"} == set()


def readers() -> set[str]:
    """Return the modules that touch the environment."""
    return {
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }


class TestSize:
    """A folder and a file can be read in one sitting."""

    def test_every_folder_states_in_one_line_what_is_in_it(self) -> None:
        """The first line of its docstring."""
        folders = [module for module, path in files().items() if path.name == "__init__.py"]
        lines = {module: (ast.get_docstring(trees()[module]) or "").splitlines()[:1] for module in folders}
        assert [module for module, line in lines.items() if not line or not line[0].endswith((".", ":"))] == []

    def test_no_folder_has_too_many_files(self) -> None:
        """Beyond that it has two things in it."""
        tests = [path for path in Path(__file__).parent.rglob("*.py") if "node_modules" not in path.parts]
        count: dict[Path, int] = {}
        for path in (*files().values(), *tests):
            count[path.parent] = count.get(path.parent, 0) + (path.name != "__init__.py")
        assert {folder.name: many for folder, many in count.items() if many > MOST_FILES} == {}

    def test_no_file_is_too_long(self) -> None:
        """Tables apart."""
        lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in files().items()}
        assert {module: many for module, many in lines.items() if many > MOST_LINES and module not in TABLES} == {}


LAZY = (
    "boto3",
    "botocore",
    "pydantic",
    "structlog",
    "rich.console",
    "yaml",
    "starlette",
    "uvicorn",
    "apscheduler",
    "moto",
)


class TestLazy:
    """What a quick answer must not wait for."""

    @pytest.mark.parametrize(
        ("statement", "absent"),
        [
            ("import ecsync.cli; ecsync.cli.build()", LAZY),
            ("import ecsync.sources.git", ("boto3", "cryptography", "pysequoia")),
            ("import ecsync.kinds", ("boto3", "botocore", "pydantic")),
            ("import ecsync.language.manifest", ("boto3", "botocore", "pydantic", "structlog")),
            ("import ecsync", ("boto3", "botocore", "pydantic", "structlog", "moto")),
        ],
        ids=["cli", "git", "kinds", "core", "ecsync"],
    )
    def test_importing_stays_light(self, statement: str, absent: tuple[str, ...]) -> None:
        """Heavy libraries come when they are used."""
        code = f"{statement}; import sys; print([name for name in {absent!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its place."""
    for module, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{module}.{node.name}", node


def test_no_function_of_ten_lines_is_written_twice() -> None:
    """Compared by its syntax: names of arguments and docstrings do not make it another."""
    seen: dict[str, list[str]] = {}
    for place, node in functions():
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if body and (body[-1].end_lineno or 0) - body[0].lineno + 1 >= LONG:
            seen.setdefault(_shape(body), []).append(place)
    assert [places for places in seen.values() if len(places) > 1] == []


def _shape(body: list[ast.stmt]) -> str:
    """Write a body so that renaming its variables makes no difference."""
    tree = ast.parse(ast.unparse(ast.Module(body=body, type_ignores=[])))
    names: dict[str, str] = {}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in stored:
            node.id = names.setdefault(node.id, f"v{len(names)}")
    return ast.dump(tree)
