"""What a load leaves in memory: packed documents, no nodes."""

from __future__ import annotations

import gc
import random
import weakref

import pytest

from benchmarks.fleet import Fleet
from ecsync.core.model import Desired, Key, Origin, Ref, Text
from ecsync.core.ports import PackedResources
from ecsync.engine.catalogue import declared_as, keys_of
from ecsync.language import yaml12
from ecsync.language.files import parse_file
from ecsync.language.manifest import LoadCache
from ecsync.language.nodes import ByHash, Node, Origins, Pool, plain
from ecsync.language.parts import Shelf, packed, unpacked
from tests.language.test_incremental import loaded

FILES = Fleet(services=20, applications=2).files()


def test_a_load_keeps_no_nodes_and_no_places_of_values() -> None:
    """Of 140 documents, the places of the documents and of their references are left."""
    gc.collect()
    before = _count()
    cache = LoadCache()
    found = loaded(FILES, cache)
    gc.collect()
    nodes, places = (now - then for now, then in zip(_count(), before, strict=True))
    resources = sum(len(application.resources) for application in found.applications)
    assert resources >= 140
    assert nodes < resources / 4
    assert places < 4 * resources


@pytest.mark.parametrize("name", FILES)
def test_packed_places_are_those_of_the_nodes(name: str) -> None:
    """Every path of a tree has the place that it has in the nodes, and no other path has one."""
    for node in yaml12.parse(name, FILES[name]).documents:
        expected = dict(Origins(node))
        origins = Origins(node)
        origins.pack(plain(node))
        assert dict(origins) == expected
        longest = max(expected, key=len)
        for path in ((*longest, "x"), (*longest, 0), ("x",), (0,), ("resources", "x")):
            assert path not in origins


def test_nodes_of_two_files_are_not_packed() -> None:
    """A patch is in the file of the Application; its fields keep their places."""
    root = Node({"a": Node(1, Origin("one.yaml", 2)), "b": Node(2, Origin("two.yaml", 7))}, Origin("one.yaml"))
    origins = Origins(root)
    origins.pack(plain(root))
    assert origins["b",] == Origin("two.yaml", 7)


def test_a_document_is_packed_between_two_loads() -> None:
    """Of 140 documents, no body is left; each one who asks gets new ones, with the same places."""
    gc.collect()
    before = _bodies()
    cache = LoadCache()
    found = loaded(FILES, cache).applications[1].resources
    assert isinstance(found, PackedResources)
    gc.collect()
    assert _bodies() == before
    one, other = list(found), list(found)
    assert len(one) == len(found) == len(set(found.keys()))
    for desired, again in zip(one, other, strict=True):
        assert desired == again
        assert desired.body is not again.body
        assert dict(desired.origins) == dict(again.origins)
        assert (desired.refs, desired.content) == (again.refs, again.content)


def test_documents_are_found_by_their_keys() -> None:
    """Those that are declared: without the others."""
    found = loaded(FILES).applications[1]
    assert isinstance(found.resources, PackedResources)
    wanted = [*keys_of(found)][-3:]
    by_key = declared_as(found, [*wanted, Key("app-1", "Cluster", "nothing")])
    assert list(by_key) == wanted
    assert [*by_key.values()] == list(found.resources)[-3:]


def test_what_a_pass_holds_stays_as_it_was_while_files_change() -> None:
    """Also after its file was edited and is gone, where a load has room for nothing."""
    cache = LoadCache(shelf=Shelf(room=1))
    name = next(name for name in FILES if b"nginx:1.27" in FILES[name])
    before = loaded(FILES, cache).applications
    expected = [[(one, dict(one.origins)) for one in application.resources] for application in before]
    edited = {**FILES, name: b"# moved\n" + FILES[name].replace(b"nginx:1.27", b"nginx:1.28")}
    for files in (edited, {other: content for other, content in FILES.items() if other != name}, {}):
        loaded(files, cache)
        assert [[(one, dict(one.origins)) for one in application.resources] for application in before] == expected


def test_what_is_packed_is_what_it_was() -> None:
    """Numbers keep their types and their written form, references their documents, places their files."""
    content = """
kind: Cluster
metadata: {name: a, annotations: {ecsync/after: Cluster/b}}
spec: {tags: {float: 1.10, one: "1", text: "x-${Cluster/b.arn}", all: "${Cluster/b}"}}
---
resources: {Cluster/b: {tags: {이름: 서비스}}}
""".encode()
    whole = loaded({"a.yaml": content})
    assert whole.problems == ()
    first, second = whole.applications[0].resources
    parts = LoadCache()
    loaded({"a.yaml": content}, parts)
    (part,) = parts.parts["here"]
    assert [one.desired for one in part.read()] == [first, second]
    again = unpacked(packed(part.read(), part.keys), part.keys, part.section.files)
    assert [repr(one.desired) for one in again] == [repr(first), repr(second)]
    assert [one.document for one in again] == [one.document for one in part.read()]
    assert first.options.after == (second.key,)


def test_a_pool_makes_no_value_another_one() -> None:
    """What compares as equal but is of another type, or in another order, stays as it is; also what is not plain."""
    text = Text(("a", Ref(Key("app", "Cluster", "c"), "arn")))
    scalars = [1, True, 1.0, "1", 0, False, 0.0, -0.0, None, "", text, 10**30, float(10**30), [], {}, ()]
    trees = [
        *({"a": scalar} for scalar in scalars),
        *([scalar] for scalar in scalars),
        *({"a": 1.5, "b": scalar} for scalar in scalars),
        [1, 2],
        [2, 1],
        {"x": {"a": 1, "b": 2}},
        {"x": {"b": 2, "a": 1}},
    ]
    pool = Pool()
    for _ in range(2):
        for tree in trees:
            assert repr(pool.tree(tree)) == repr(tree)


def test_a_pool_is_let_go_at_once() -> None:
    """It is no part of a cycle: a load starts no collection, and a pool is as large as what it made."""
    pool = Pool()
    pool.tree({"a": Text(("b",))})
    gone = weakref.ref(pool)
    gc.disable()
    try:
        del pool
        assert gone() is None
    finally:
        gc.enable()


BLOCK = "resources:\n  LogGroup/a: {retentionInDays: 7}\n  LogGroup/b:\n    retentionInDays: 14\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BLOCK, BLOCK.replace("14", "30")),
        (BLOCK, BLOCK.replace("7}", "30}")),
        (BLOCK, "# moved\n" + BLOCK),
        ("resources: {LogGroup/a: {},\n  LogGroup/b: {}}\n", "resources: {LogGroup/a: {},\n  LogGroup/b: {x: 1}}\n"),
        (
            "resources: {LogGroup/a: {x:\n  1}, LogGroup/b: {}}\n",
            "resources: {LogGroup/a: {x:\n  2}, LogGroup/b: {}}\n",
        ),
        (
            "resources:\n  LogGroup/a: {x: &one 1}\n  LogGroup/b: {x: *one}\n",
            "resources:\n  LogGroup/a: {x: &one 2}\n  LogGroup/b: {x: *one}\n",
        ),
        ("kind: LogGroup\nmetadata: {name: a}\nspec: {x: 1}\n", "kind: LogGroup\nmetadata: {name: a}\nspec: {x: 2}\n"),
    ],
)
def test_documents_without_nodes_are_equal_only_if_their_specs_are(before: str, after: str) -> None:
    """Equal means: the same specs, in the same places; also with flow style and with an anchor."""
    old, kept = (parse_file("a.yaml", before.encode()) for _ in range(2))
    new = parse_file("a.yaml", after.encode())
    assert old.documents == kept.documents
    kept.let_go()
    assert kept.documents == old.documents
    assert [document.spec for document in kept.documents] == [document.spec for document in old.documents]
    for ours, theirs, nodes in zip(kept.documents, new.documents, old.documents, strict=True):
        kept.let_go()
        if ours == theirs:
            assert nodes.spec == theirs.spec
    assert any(ours != theirs for ours, theirs in zip(kept.documents, new.documents, strict=True))


def _bodies() -> int:
    """Return the number of bodies of documents."""
    return sum(type(one) is Desired for one in gc.get_objects())


def _count() -> tuple[int, int]:
    """Return the numbers of nodes and of origins that the garbage collector knows."""
    objects = gc.get_objects()
    return sum(type(one) is Node for one in objects), sum(type(one) is Origin for one in objects)


@pytest.mark.parametrize("seed", range(4))
def test_a_table_of_names_that_changes_is_that_of_the_owners_it_has(seed: int) -> None:
    """Also where few of many change, with several owners of a name, and an owner that has a name twice."""
    draw = random.Random(seed)  # noqa: S311  # it must be repeatable
    owners: dict[int, tuple[str, ...]] = {}
    table = ByHash[int](lambda owner: names[owner])
    names: dict[int, tuple[str, ...]] = {}
    for number, many in enumerate((400, 1, 2, 300, 1, 1, 40, 3)):
        gone = set(draw.sample(sorted(owners), min(many, len(owners) // 2)))
        added = range(1000 * number, 1000 * number + many)
        names.update({one: tuple(f"name-{draw.randrange(500)}" for _ in range(3)) for one in added})
        table = table.changed(gone, added)
        owners = {one: own for one, own in {**owners, **{one: names[one] for one in added}}.items() if one not in gone}
        for name in (f"name-{one}" for one in range(500)):
            found = [one for one in table.of(name) if name in names[one]]  # seldom another name has its hash
            assert sorted(found) == sorted(one for one, own in owners.items() for other in own if other == name)
