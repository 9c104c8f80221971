"""A load with the cache of the load before gives what a load without a cache gives, and repeats only what it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from benchmarks.fleet import Fleet
from ecsync.awsmodel import shapes
from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired
from ecsync.core.ports import Snapshot
from ecsync.core.schema import STRING, structure
from ecsync.kinds import BY_NAME
from ecsync.language import links, manifest, nodes, watched
from ecsync.language.documents import Document, Held
from ecsync.language.expand import Composite
from ecsync.language.manifest import LoadCache, Loaded, load
from ecsync.language.nodes import to_nodes
from ecsync.language.parts import Shelf
from ecsync.language.resources import Compiled, Compiler
from tests.language.edits import steps


def loaded(
    files: Mapping[str, bytes],
    cache: LoadCache | None = None,
    *,
    composites: Mapping[str, Composite] | None = None,
    kinds: Mapping[str, Kind] = BY_NAME,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Load files with the real kinds and shapes."""
    return load(
        Snapshot(revision="test", files=files),
        kinds=kinds,
        shape_of=shapes.load,
        environment=environment or {},
        root_name="here",
        composites=composites,
        cache=cache,
    )


def described(desired: Desired) -> object:
    """Return everything about a resource, also the places that equality leaves out."""
    return desired, dict(desired.origins)


def assert_same(found: Loaded, expected: Loaded) -> None:
    """Compare problems, notes and applications, with their order and every place."""
    assert found.problems == expected.problems
    assert found.notes == expected.notes
    assert found.applications == expected.applications
    for one, other in zip(found.applications, expected.applications, strict=True):
        assert [*map(described, one.resources)] == [*map(described, other.resources)]


@pytest.mark.parametrize("seed", range(24))
def test_after_any_edits_the_result_is_that_of_a_full_load(seed: int) -> None:
    """Over the cases of `tests/cases/bad` and over fleets, with problems in between; with little and with much room."""
    cache = LoadCache(shelf=Shelf(room=(1, 10_000)[seed % 2]))
    for files in steps(seed, 12):
        assert_same(loaded(files, cache), loaded(files))


@pytest.mark.parametrize("different", [1, 2, 5])
def test_equal_hashes_change_no_answer(different: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all values have one of a few hashes: what a load compares is the values."""
    for module in (nodes, watched, links):
        monkeypatch.setattr(module, "hash", lambda value: hash(value) % different, raising=False)
    cache = LoadCache(shelf=Shelf(room=1))
    for files in steps(different, 8):
        found = loaded(files, cache)
        with monkeypatch.context() as patch:
            for module in (nodes, watched, links):
                patch.delattr(module, "hash")
            assert_same(found, loaded(files))


def _pair(document: Document, _: object) -> tuple[list[Document], list[object]]:
    spec = to_nodes({"clusterName": document.spec.value["name"].value}, document.origin)
    names = (document.name, f"{document.name}-b")
    return [replace(document, kind="Cluster", name=name, held=Held(spec)) for name in names], []


PAIR = Composite(name="Pair", shape=structure({"name": STRING}, "name"), expand=_pair)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_also_with_composites(seed: int) -> None:
    """One file of the snapshot declares a composite."""
    cache = LoadCache()
    composites = {"Pair": PAIR}
    pair = b"resources:\n  Pair/two: {name: one}\n  Cluster/c: {tags: {a: '${Cluster/two-b.arn}'}}\n"
    for files in steps(seed, 8):
        for more in ({}, {"app-0/pair.yaml": pair}, {"pair.yaml": pair}):
            with_pair = {**files, **more}
            assert_same(
                loaded(with_pair, cache, composites=composites),
                loaded(with_pair, composites=composites),
            )


def test_another_environment_is_another_load() -> None:
    """`${env:}` is read again."""
    cache = LoadCache()
    files = {"a.yaml": b"resources:\n  Cluster/a: {clusterName: '${env:NAME}'}\n"}
    for environment in ({"NAME": "one"}, {"NAME": "two"}, {}):
        found = loaded(files, cache, environment=environment)
        assert_same(found, loaded(files, environment=environment))


def by_name(found: Loaded) -> dict[str, Application]:
    """Return the applications by name."""
    return {application.name: application for application in found.applications}


FILES = Fleet(services=60, applications=3).files()
CHANGED = "app-1/services-1.yaml"


def changed(before: bytes = b"nginx:1.27", after: bytes = b"nginx:1.28") -> dict[str, bytes]:
    """Return the fleet with one file changed, in every service."""
    assert before in FILES[CHANGED]
    return {**FILES, CHANGED: FILES[CHANGED].replace(before, after)}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return what loads do from now on: the files that they parse, and the documents that they compile."""
    done: dict[str, list[str]] = {"parsed": [], "compiled": []}
    parse, compile_ = manifest.parse_file, Compiler.compile

    def parse_file(name: str, content: bytes) -> manifest.ParsedFile:
        done["parsed"].append(name)
        return parse(name, content)

    def compiling(self: Compiler, document: Document) -> Compiled:
        done["compiled"].append(str(document))
        return compile_(self, document)

    monkeypatch.setattr(manifest, "parse_file", parse_file)
    monkeypatch.setattr(Compiler, "compile", compiling)
    return done


def test_one_changed_file_is_parsed_and_its_changed_documents_are_compiled(work: dict[str, list[str]]) -> None:
    """Ten services of sixty: ten task definitions have another image, and nothing else is compiled."""
    cache = LoadCache()
    loaded(FILES, cache)
    work["parsed"].clear()
    work["compiled"].clear()
    loaded(changed(), cache)
    assert work["parsed"] == [CHANGED]
    assert len(work["compiled"]) == 10
    assert all(name.startswith("TaskDefinition/") for name in work["compiled"])


@pytest.mark.parametrize("at", [0, len(FILES[CHANGED]) // 2], ids=["all", "half"])
def test_a_document_on_other_lines_is_not_compiled_again(work: dict[str, list[str]], at: int) -> None:
    """Its places are those of a full load."""
    cache, content = LoadCache(), FILES[CHANGED]
    loaded(FILES, cache)
    at = content.rindex(b"\n", 0, at) + 1 if at else 0
    work["compiled"].clear()
    files = {**FILES, CHANGED: content[:at] + b"# a comment\n\n" + content[at:]}
    after = loaded(files, cache)
    assert len(work["compiled"]) <= (1 if at else 0), "the comment is in the text of the document before it"
    assert_same(after, loaded(files))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"metadata: {annotations: {ecsync/suspend: 'true'}}", b"metadata: {annotations: {ecsync/suspend: 'false'}}"),
        (b"metadata: {annotations: {ecsync/after: Cluster/a}}", b"metadata: {annotations: {ecsync/after: Cluster/c}}"),
        (b"apiVersion: ecsync/v1", b"apiVersion: ecsync/v2"),
    ],
    ids=["another value", "another order", "another version"],
)
def test_a_change_above_the_documents_concerns_them(before: bytes, after: bytes) -> None:
    """Their own text is the same, and on other lines."""
    cache, body = LoadCache(), b"\nresources:\n  Cluster/a: {}\n  Cluster/b: {}\n  Cluster/c: {}\n"
    for content in (before + body, b"# a comment\n" + after + body, before + body):
        files = {"a.yaml": content}
        assert_same(loaded(files, cache), loaded(files))


def test_an_unchanged_snapshot_parses_and_compiles_nothing(work: dict[str, list[str]]) -> None:
    """Also if the source read the same bytes again."""
    cache = LoadCache()
    before = loaded(FILES, cache)
    work["parsed"].clear()
    work["compiled"].clear()
    after = loaded({name: bytes(bytearray(content)) for name, content in FILES.items()}, cache)
    assert work == {"parsed": [], "compiled": []}
    assert all(one is other for one, other in zip(before.applications, after.applications, strict=True))


def test_an_application_without_a_change_is_the_same_object() -> None:
    """And in the changed application, each resource that did not change has the same content."""
    cache = LoadCache()
    before, after = by_name(loaded(FILES, cache)), by_name(loaded(changed(), cache))
    assert after["app-0"] is before["app-0"]
    assert after["app-2"] is before["app-2"]
    assert after["app-1"] != before["app-1"]
    pairs = list(zip(before["app-1"].resources, after["app-1"].resources, strict=True))
    assert sum(one.content == other.content for one, other in pairs) == len(pairs) - 10


def test_the_same_application_object_stays_after_a_problem_elsewhere() -> None:
    """A file that is not valid blocks its own application only."""
    cache = LoadCache()
    before = by_name(loaded(FILES, cache))
    broken = loaded({**FILES, CHANGED: b"resources: ["}, cache)
    assert {problem.application for problem in broken.problems} == {"app-1"}
    assert by_name(broken)["app-2"] is before["app-2"]
    assert loaded(FILES, cache).problems == ()


@pytest.mark.parametrize(
    ("removed", "application"),
    [
        (b"  Cluster/main: {clusterName: bench}\n", "app-1"),
        (b"  Network/main: {default: true}\n", "app-2"),
    ],
    ids=["cluster", "network"],
)
def test_a_reference_to_a_document_that_is_gone_is_found_in_files_that_did_not_change(
    removed: bytes, application: str
) -> None:
    """And its problem is gone when the document is back."""
    cache = LoadCache()
    loaded(FILES, cache)
    shared = FILES["app-0/shared.yaml"]
    assert removed in shared
    without = {**FILES, "app-0/shared.yaml": shared.replace(removed, b"")}
    found = loaded(without, cache)
    assert_same(found, loaded(without))
    assert application in {problem.application for problem in found.problems}
    assert loaded(FILES, cache).problems == ()


def test_a_check_of_another_file_is_repeated_where_the_change_reaches_it() -> None:
    """The count of a service must be in the range of its scalable target, which another file declares."""
    target = b"resources:\n  ScalableTarget/a: {Service: '${Service/a}', MinCapacity: MIN, MaxCapacity: 9}\n"
    service = b"resources:\n  Service/a: {taskDefinition: app, desiredCount: 3}\n"
    cache = LoadCache()

    def problems(least: bytes) -> int:
        files = {"service.yaml": service, "target.yaml": target.replace(b"MIN", least)}
        found = loaded(files, cache)
        assert_same(found, loaded(files))
        return len(found.problems)

    assert [problems(least) for least in (b"1", b"5", b"2")] == [0, 1, 0]


def numbers_of_problems(
    cache: LoadCache, files: Mapping[str, bytes], changing: str, values: tuple[bytes, ...]
) -> list[int]:
    """Return the number of problems for each value of VALUE in one file, after comparing with a full load."""
    found = []
    for value in values:
        changed = {**files, changing: files[changing].replace(b"VALUE", value)}
        result = loaded(changed, cache)
        assert_same(result, loaded(changed))
        found.append(len(result.problems))
    return found


def test_two_documents_become_the_same_resource_by_a_name_in_a_third_file() -> None:
    """The cluster that one of two services refers to gets the name that the other one has as text."""
    service = b"resources:\n  Service/%s: {serviceName: web, taskDefinition: app, cluster: '%s'}\n"
    files = {
        "a.yaml": service % (b"a", b"${Cluster/main}"),
        "b.yaml": service % (b"b", b"prod"),
        "cluster.yaml": b"resources:\n  Cluster/main: {clusterName: VALUE}\n",
    }
    assert numbers_of_problems(LoadCache(), files, "cluster.yaml", (b"test", b"prod", b"other")) == [0, 2, 0]


def test_two_targets_become_the_same_by_a_service_in_a_third_file() -> None:
    """One names the service by its id, the other one refers to its document. Both get the problem."""
    bounds = b"MinCapacity: 1, MaxCapacity: 2}\n"
    files = {
        "a.yaml": b"resources:\n  ScalableTarget/a: {Service: '${Service/web}', " + bounds,
        "b.yaml": b"resources:\n  ScalableTarget/b: {Service: prod/web, " + bounds,
        "service.yaml": b"resources:\n  Service/web: {serviceName: VALUE, taskDefinition: app, cluster: prod}\n",
    }
    assert numbers_of_problems(LoadCache(), files, "service.yaml", (b"api", b"web", b"api")) == [0, 2, 0]


def test_a_cycle_through_an_unchanged_file_is_found_and_forgotten() -> None:
    """The change closes the cycle, and then opens it."""
    cache = LoadCache()

    def problems(target: bytes) -> list[str]:
        files = {
            "a.yaml": b"resources:\n  Cluster/a: {tags: {x: '${Cluster/b.arn}'}}\n",
            "b.yaml": b"resources:\n  Cluster/b: {tags: {x: '${Cluster/TARGET.arn}'}}\n  Cluster/c: {}\n".replace(
                b"TARGET", target
            ),
        }
        found = loaded(files, cache)
        assert_same(found, loaded(files))
        return [problem.message for problem in found.problems]

    assert problems(b"c") == []
    assert "cycle" in problems(b"a")[0]
    assert problems(b"c") == []


def test_a_load_that_fails_leaves_no_half_updated_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next load is a full one."""
    cache = LoadCache()
    loaded(FILES, cache)

    def broken(*_: object) -> Callable[[], None]:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(Compiler, "compile", broken)
        with pytest.raises(RuntimeError):
            loaded(changed(), cache)
    assert_same(loaded(changed(), cache), loaded(changed()))
