"""The manifests of several sources: applications know their source, and no source reads the files of another."""

from __future__ import annotations

from ecsync.awsmodel import shapes
from ecsync.core.ports import Snapshot
from ecsync.kinds import BY_NAME
from ecsync.language.manifest import LoadCache, Loaded, load

SOURCES = {"blue": "deploy", "red": "shop"}
APPLICATION = "apiVersion: ecsync/v1\nkind: Application\nmetadata: {{name: {}}}\n{}"
CLUSTER = "resources: {{Cluster/main: {{clusterName: {}}}}}\n"


def loaded(files: dict[str, str], cache: LoadCache | None = None) -> Loaded:
    """Load the files of the sources `blue` and `red`."""
    snapshot = Snapshot(
        revision="1", files={name: text.encode() for name, text in files.items()}, revisions={"blue": "1", "red": "1"}
    )
    return load(
        snapshot,
        kinds=BY_NAME,
        shape_of=shapes.load,
        environment={},
        root_name="unused",
        sources=SOURCES,
        cache=cache,
    )


def test_an_application_has_the_name_of_its_source() -> None:
    """One at the top of a source, one in a directory, and one without a document, which the source names."""
    found = loaded(
        {
            "blue/application.yaml": APPLICATION.format("api", ""),
            "blue/main.yaml": CLUSTER.format("a"),
            "blue/web/application.yaml": APPLICATION.format("web", ""),
            "red/main.yaml": CLUSTER.format("b"),
        }
    )
    assert found.problems == ()
    assert {one.name: one.source for one in found.applications} == {"api": "blue", "web": "blue", "shop": "red"}


def test_no_source_includes_files_of_another() -> None:
    """The path is outside the source, as it is with one source."""
    include = "spec: {include: [../red]}\n"
    found = loaded({"blue/application.yaml": APPLICATION.format("api", include), "red/main.yaml": CLUSTER.format("b")})
    assert [str(one) for one in found.problems] == [
        'blue/application.yaml:4:18: include "../red" is outside the source; name a file or directory inside it'
    ]


def test_a_directory_of_its_own_source_is_included() -> None:
    """Paths are relative to the directory of the Application, as with one source."""
    include = "spec: {include: [../common]}\n"
    found = loaded(
        {"blue/a/application.yaml": APPLICATION.format("api", include), "blue/common/main.yaml": CLUSTER.format("b")}
    )
    assert found.problems == ()
    assert [str(one.key) for one in found.applications[0].resources] == ["Cluster/main"]


def test_two_sources_cannot_declare_the_same_application() -> None:
    """Both are named, and both are held: which of the two is meant is not guessed."""
    found = loaded(
        {
            "blue/application.yaml": APPLICATION.format("api", ""),
            "red/application.yaml": APPLICATION.format("api", ""),
            "red/web/application.yaml": APPLICATION.format("web", ""),
        }
    )
    assert [(one.application, one.origin.file) for one in found.problems] == [
        ("api", "blue/application.yaml"),
        ("api", "red/application.yaml"),
    ]


def test_a_change_gives_the_same_with_a_cache() -> None:
    """Also where an application moves from one source to the other."""
    cache = LoadCache()
    files = {"blue/application.yaml": APPLICATION.format("api", ""), "blue/main.yaml": CLUSTER.format("a")}
    moved = {name.replace("blue", "red"): text for name, text in files.items()}
    for each in (files, moved, files | {"red/main.yaml": CLUSTER.format("b")}, files):
        assert loaded(each, cache) == loaded(each)
