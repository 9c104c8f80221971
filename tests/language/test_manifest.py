"""Loading a snapshot never raises an exception, reads only manifests, and parses each file once."""

from __future__ import annotations

import os
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsync.awsmodel import shapes
from ecsync.core.model import Problem
from ecsync.core.ports import Snapshot
from ecsync.language.manifest import LoadCache, load, parse_file
from tests.language.sample_kinds import KINDS
from tests.language.test_documents import loaded, resources

PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]*")
SEED = b"""apiVersion: ecsync/v1
kind: Application
metadata: {name: shop}
spec: {target: {account: a}, include: [.], names: "x-{name}", vars: {a: [1]}, patches: {Service/api: {tags: {a: b}}}}
---
kind: Service
metadata: {name: api, annotations: {ecsync/after: Cluster/main}}
spec:
  cluster: ${Cluster/main.name}
  desiredCount: "${var:a}"
  tags: {a: 1}
  loadBalancers: &l
  - {targetGroupArn: "x ${TargetGroup/web}", containerPort: 80}
---
resources:
  Cluster/main: {settings: *l}
  TargetGroup/web: {Port: 80, Attributes: {a: true}}
"""
FRAGMENTS = """- |: |{|}|[|]|"|'|&a |*a|!!str |? |#|${|$${|${Cluster/main}|${var:a}|${app:shop/Service/api}|kind|Service
spec|tags|metadata|name|resources|Application|include|patches|null|~|1e999|.nan|-0|family
services|containerDefinitions|<<: *a"""
ODD = [b"\n", b" ", b"  ", b"|\n", b"---\n", b"\t", b"\r\n", b"\xff", b"\x00", b"\xf0\x9f\x98\x80"]
PIECES = st.sampled_from([text.encode() for text in FRAGMENTS.replace("\n", "|").split("|")] + ODD)
NAMES = st.text(st.sampled_from("ab./-_ \\~#:é\x1b\n\u2028\ud800"), max_size=12)


def check_loads(files: dict[str, bytes]) -> None:
    """Load the files. No exception may be raised, and every message must be one printable line."""
    snapshot = Snapshot(revision="r", files=files)
    result = load(snapshot, kinds=KINDS, shape_of=shapes.load, environment={}, root_name="here")
    problems = list(result.problems)
    assert problems == sorted(problems)
    for problem in (*problems, *result.notes):
        assert PLAIN.fullmatch(str(problem)), problem
        assert problem.origin.line >= 1
        assert problem.origin.column >= 1
    for application in result.applications:
        for resource in application.resources:
            assert {(): 1, **resource.origins}


@given(
    st.dictionaries(st.sampled_from(["a.yaml", "b/c.yml", "b/app.yaml", "d.json"]), st.binary(max_size=200), max_size=3)
)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_bytes_raise_an_exception(files: dict[str, bytes]) -> None:
    """Arbitrary bytes give problems."""
    check_loads(files)


@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), PIECES), min_size=1, max_size=5))
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_mutation_of_a_manifest_raises_an_exception(edits: list[tuple[int, int, bytes]]) -> None:
    """A manifest with random cuts and insertions gives problems."""
    content = SEED
    for position, cut, piece in edits:
        content = content[:position] + piece + content[position + cut :]
    check_loads({"shop/app.yaml": content, "x.yaml": content})


@given(NAMES)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_file_name_raises_an_exception(name: str) -> None:
    """A source may contain files with any name."""
    check_loads({name: SEED, name + ".yaml": SEED, "//" + name + "/b.yaml": SEED})


def test_only_manifests_are_read() -> None:
    """Other files get a note. Hidden, temporary and index files are ignored without a note."""
    names = [
        "a.yaml", "b.yml", "c.json", "README.md", "Dockerfile", ".hidden.yaml", ".git/x.yaml", "d/.e/f.yaml",
        "g.yaml~", "#h.yaml#", ".i.yaml.swp", "j.yaml.tmp", "ecsync.index.json", "k.YAML",
    ]  # fmt: skip
    result = loaded({name: "{}" if name == "c.json" else "# nothing\n" for name in names})
    assert [note.origin.file for note in result.notes] == ["Dockerfile", "README.md", "k.YAML"]
    assert [problem.origin.file for problem in result.problems] == ["c.json"]


def test_an_empty_snapshot_has_no_application() -> None:
    """A file with comments only declares no application either."""
    assert loaded({}).applications == ()
    assert loaded({"a.yaml": "# nothing\n"}).applications == ()


def test_the_root_application_has_a_valid_name() -> None:
    """The name of the directory is changed to a valid name."""
    for name, fitted in (
        ("shop", "shop"),
        ("my shop", "my-shop"),
        (".", "root"),
        ("", "root"),
        ("_x" * 60, ("x_" * 60)[:63]),
    ):
        (application,) = loaded({"a.yaml": "resources: {Cluster/a: {}}"}, root_name=name).applications
        assert application.name == fitted


def test_a_file_is_parsed_again_only_when_it_changed() -> None:
    """A parsed file is kept while the content is the same, and forgotten with its file."""
    cache = LoadCache()
    files = {"a.yaml": "resources: {Cluster/a: {}}", "b.yaml": "resources: {Cluster/b: {}}"}
    loaded(files, cache=cache)
    first = dict(cache.parsed)
    result = loaded({"a.yaml": files["a.yaml"], "b.yaml": "resources: {Cluster/c: {}}"}, cache=cache)
    assert cache.parsed["a.yaml"] is first["a.yaml"]
    assert list(resources(result)) == ["Cluster/a", "Cluster/c"]
    loaded({"a.yaml": files["a.yaml"]}, cache=cache)
    assert set(cache.parsed) == {"a.yaml"}


def test_parsing_depends_on_name_and_content_alone() -> None:
    """The same bytes give the same documents."""
    assert parse_file("a.yaml", SEED) == parse_file("a.yaml", SEED)


def test_loading_twice_gives_equal_values() -> None:
    """Desired compares by key, body and options, not by origin."""
    text = "resources: {Cluster/a: {}, Service/x: {cluster: '${Cluster/a}'}}\n"
    one, other = loaded({"a.yaml": text}), loaded({"a.yaml": text})
    assert one.applications == other.applications


def test_problems_are_sorted_by_place() -> None:
    """Files are sorted by name, and lines as numbers."""
    text = "\n" * 8 + "kind: A\nmetadata: {name: a}\n---\nkind: B\nmetadata: {name: b}\n"
    places = [
        (problem.origin.file, problem.origin.line) for problem in loaded({"b.yaml": text, "a.yaml": text}).problems
    ]
    assert places == [("a.yaml", 9), ("a.yaml", 12), ("b.yaml", 9), ("b.yaml", 12)]


def test_a_large_hostile_file_is_rejected_in_time() -> None:
    """The nearest name is not searched for tens of thousands of mistakes in tens of thousands of names."""
    fields = b"kind: Service\nmetadata: {name: a}\nspec:\n" + b"".join(
        b"  desirdCunt%d: 1\n" % n for n in range(20_000)
    )
    unknown = b"".join(b'  "${LogGroup/x%d}",\n' % n for n in range(10_000))
    names = b"resources:\n" + b"".join(b"  LogGroup/y%d: {}\n" % n for n in range(2_000))
    task = (
        b"kind: TaskDefinition\nmetadata: {name: a}\nspec:\n  containerDefinitions: [{command: [\n" + unknown + b"]}]\n"
    )
    begin = os.times().user
    check_loads({"a.yaml": fields, "b.yaml": task, "c.yaml": names})
    assert os.times().user - begin < 2


def test_a_problem_is_printed_in_the_form_of_editors() -> None:
    """`file:line:column: message`."""
    (problem,) = loaded({"shop/api.yaml": "kind: Service\nmetadata: {name: a}\nspec:\n    desiredcount: 2\n"}).problems
    assert isinstance(problem, Problem)
    assert str(problem) == 'shop/api.yaml:4:5: unknown field "desiredcount" in Service; did you mean "desiredCount"?'
