"""The house rules that a machine can check: who may import whom, what stays lazy, nothing written twice."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "controller"
PACKAGES = sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())

# The star: what each part may import of the package beside itself. Only `wiring` sees everything.
STAR: dict[str, set[str]] = {
    "core": set(),
    "language": {"core"},
    "testing": {"core"},
    "config": {"core"},
    "kinds": {"core"},
    "composites": {"core"},
    "importer": {"core", "language"},
    "engine": {"core"},
    "sources": {"core"},
    "report": {"core"},
    "http": {"core"},
    "aws": {"core", "kinds"},
    "compare": {"core", "language", "kinds", "aws"},  # of aws only the shapes, which make no call
    "explain": {"core", "kinds", "aws"},  # likewise
    "schema_export": {"core", "language", "kinds", "aws", "explain"},
    "simulator": set(),
    "wiring": {
        "core",
        "language",
        "kinds",
        "composites",
        "importer",
        "engine",
        "sources",
        "report",
        "http",
        "aws",
        "config",
    },
    # A verb asks `wiring` for what it works with, and then speaks of it in the words of the core, the engine and the
    # reports. It never builds a client or reads a source by itself.
    "cli": {
        "core",
        "language",
        "engine",
        "report",
        "http",
        "importer",
        "compare",
        "explain",
        "schema_export",
        "config",
        "wiring",
    },
}
AWS_LIBRARIES = {"boto3", "botocore"}
IMPURE = {"boto3", "botocore", "logging", "structlog", "threading", "time", "os", "socket", "subprocess", "asyncio"}
LONG = 10  # lines of a function that may not occur twice


@dataclass(frozen=True)
class Import:
    """One import: where it stands, what it names, and whether it runs when the module is imported."""

    module: str  # dotted, without `controller.`
    line: int
    target: str
    at_import: bool
    for_types: bool

    @property
    def part(self) -> str:
        """The part of the house that imports."""
        return self.module.split(".")[0]

    @property
    def outside(self) -> str:
        """The library that is imported; empty for a part of the house."""
        return "" if self.target.startswith("controller") else self.target.split(".")[0]

    @property
    def inside(self) -> str:
        """The part of the house that is imported; empty for a library, or for the package itself."""
        return self.target.split(".")[1] if self.target.startswith("controller.") else ""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of each module, by its dotted name without `controller.`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of the house."""
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
        # `from controller import config` names a part; `from controller.core import plan` a module of one.
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


class TestStar:
    """Imports point inwards."""

    def test_every_part_has_its_place(self) -> None:
        """A new part says what it may import."""
        modules = {path.stem for path in ROOT.glob("*.py") if path.stem != "__init__"}
        assert {*PACKAGES, *modules} <= STAR.keys()

    @pytest.mark.parametrize("part", sorted(STAR))
    def test_a_part_imports_only_what_it_may(self, part: str) -> None:
        """Also inside functions, and for types."""
        allowed = STAR[part] | {part, ""}
        wrong = [str(one) for one in imports() if one.part == part and one.inside not in allowed]
        # The simulated AWS is an extra: the one place that starts it imports it when it is asked to.
        assert [one for one in wrong if not one.startswith("wiring.simulated:")] == []

    def test_the_simulator_stands_alone(self) -> None:
        """It cannot share our assumptions: it knows nothing of us, and one module of ours starts it."""
        users = {one.module for one in imports() if one.inside == "simulator" and one.part != "simulator"}
        assert users <= {"wiring.simulated"}

    def test_only_aws_knows_boto3(self) -> None:
        """Everybody else is given a Cloud."""
        users = {one.part for one in imports() if one.outside in AWS_LIBRARIES}
        assert users <= {"aws", "simulator"}

    def test_the_core_is_pure(self) -> None:
        """No client, clock, thread, log, process or file."""
        assert [str(one) for one in imports() if one.part == "core" and one.outside in IMPURE] == []

    def test_kinds_are_given_what_they_read_with(self) -> None:
        """They are as pure as the core, but for the reader that is their argument."""
        assert [str(one) for one in imports() if one.part == "kinds" and one.outside in IMPURE] == []

    def test_only_the_settings_read_the_environment(self) -> None:
        """One reader of `os.environ`, so that every setting has one name and one place."""
        # The simulated AWS sets a variable of moto's before moto reads it.
        assert readers() - {"config", "simulator.seams"} == set()


def readers() -> set[str]:
    """Return the modules that touch the environment."""
    return {
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }


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
            ("import controller.cli; controller.cli.build()", LAZY),
            ("import controller.kinds", ("boto3", "botocore", "pydantic")),
            ("import controller.language.manifest", ("boto3", "botocore", "pydantic", "structlog")),
            ("import ecsync", ("boto3", "botocore", "pydantic", "structlog", "moto")),
        ],
        ids=["cli", "kinds", "core", "ecsync"],
    )
    def test_importing_stays_light(self, statement: str, absent: tuple[str, ...]) -> None:
        """Heavy libraries come when they are used."""
        code = f"{statement}; import sys; print([name for name in {absent!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of the house with its place."""
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
