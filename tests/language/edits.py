"""Random edits of manifests, as people make them: lines, documents, files, names and settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from random import Random

from benchmarks.fleet import Fleet
from tests.language.cases import bad_cases, contents

Files = dict[str, bytes]
_APPLICATION = b"apiVersion: ecsync/v1\nkind: Application\nmetadata: {name: NAME}\nspec:\n  SPEC\n"
_SPECS = (
    b"target: {region: eu-west-1}",
    b"target: {account: '123456789012'}",
    b"names: prod-{name}",
    b"vars: {size: 256, subnets: [a, b]}",
    b"images: {web: nginx}",
    b"after: [app-0, shop]",
    b"after: [app-1]",
    b"include: [../shared]",
    b"include: [..]",
    b"patches: {Service/web-1: {desiredCount: 7}, Service/none: {desiredCount: 1}}",
    b"ignore: [{kind: Service, paths: [/desiredCount, /nothing]}]",
    b"ignore: [{kind: Cluster, name: nothing, paths: [/tags]}]",
    b"manage: [all]",
)
_SNIPPETS = (
    b"\n---\nresources:\n  Cluster/extra: {}\n",
    b"\n---\nresources:\n  LogGroup/web-1: {logGroupName: /bench/web-2}\n",
    b"\n---\nresources:\n  Cluster/to: {tags: {a: '${Cluster/fro}'}}\n  Cluster/fro: {tags: {a: '${Cluster/to}'}}\n",
    b"\n---\nresources:\n  Service/api: {taskDefinition: '${var:size}', cluster: '${Cluster/main}', desiredCount: 3}\n",
    b"\n---\nresources:\n  ScalableTarget/api: {Service: '${Service/web-1}', MinCapacity: 5, MaxCapacity: 9}\n",
    b"\n---\nresources:\n  ScalableTarget/a: {ResourceId: service/bench/bench-web-1, MinCapacity: 1, MaxCapacity: 2}\n",
    b"\n---\nkind: Cluster\nmetadata: {name: late, annotations: {ecsync/after: Cluster/extra}}\n",
    b"\n---\nkind: Clutter\nmetadata: {name: x}\n",
    b"\n---\nkind: LogGroup\nmetadata: {name: x, annotations: {ecsync/manage: read}}\n",
    b"\n---\nkind: Cluster\nmetadata: {name: x}\nspec: {tags: {a: '${app:app-0/Cluster/main}'}}\n",
)


def start(random: Random) -> Files:
    """Return some cases of `tests/cases/bad`, each in a folder, or a fleet."""
    if random.random() < 0.5:
        return Fleet(services=random.randint(1, 8), applications=random.randint(1, 3)).files()
    files: Files = {}
    for case in random.sample(bad_cases(), 5):
        folder = random.choice(("", "shared/", f"{case.stem}/", f"app-0/{case.stem}/"))
        files |= {folder + name: content for name, content in contents(case).items()}
    return files


def edited(files: Mapping[str, bytes], random: Random) -> Files:
    """Return the files with one to three random edits."""
    changed = dict(files)
    for _ in range(random.randint(1, 3)):
        random.choice(_EDITS)(changed, random)
    return changed


def steps(seed: int, length: int) -> Iterator[Files]:
    """Yield a snapshot, and then what edits make of it; now and then an earlier one again."""
    random = Random(seed)  # noqa: S311  # the same edits each time
    before = [start(random)]
    yield before[0]
    for _ in range(length):
        before.append(random.choice(before) if random.random() < 0.15 else edited(before[-1], random))
        yield before[-1]


def _some(files: Files, random: Random) -> str:
    return random.choice(sorted(files)) if files else "new.yaml"


def _lines(files: Files, random: Random, change: Callable[[list[bytes], int], None]) -> None:
    name = _some(files, random)
    lines = files.get(name, b"").splitlines(keepends=True)
    change(lines, random.randrange(len(lines) + 1))
    files[name] = b"".join(lines)


def _insert_blank(files: Files, random: Random) -> None:
    line = random.choice((b"\n", b"# a comment\n", b"      # a comment\n"))
    _lines(files, random, lambda lines, at: lines.insert(0 if random.random() < 0.5 else at, line))


def _delete_line(files: Files, random: Random) -> None:
    def change(lines: list[bytes], at: int) -> None:
        del lines[at : at + 1]

    _lines(files, random, change)


def _repeat_line(files: Files, random: Random) -> None:
    _lines(files, random, lambda lines, at: lines.insert(at, lines[at - 1] if lines else b""))


def _number(files: Files, random: Random) -> None:
    name = _some(files, random)
    found = list(re.finditer(rb"\d+", files.get(name, b"")))
    if found:
        one = random.choice(found)
        files[name] = files[name][: one.start()] + str(random.randint(0, 9)).encode() + files[name][one.end() :]


def _rename(files: Files, random: Random) -> None:
    """Give one document, or all mentions of it, another name."""
    name = _some(files, random)
    found = re.findall(rb"\b[A-Z][A-Za-z]+/([a-z0-9-]+)", files.get(name, b""))
    if found:
        count = random.choice((1, -1))
        files[name] = files[name].replace(
            b"/" + random.choice(found), b"/" + random.choice((b"web-1", b"other")), count
        )


def _append(files: Files, random: Random) -> None:
    name = _some(files, random)
    files[name] = files.get(name, b"") + random.choice(_SNIPPETS)


def _remove(files: Files, random: Random) -> None:
    files.pop(_some(files, random), None)


def _move(files: Files, random: Random) -> None:
    name = _some(files, random)
    if name in files:
        folder = random.choice(("", "shared/", "app-0/", "app-1/", "app-1/deep/"))
        files[folder + name.rpartition("/")[2]] = files.pop(name)


def _copy(files: Files, random: Random) -> None:
    name = _some(files, random)
    if name in files:
        files[random.choice(("copy.yaml", "shared/copy.yaml", "app-0/copy.yaml", "z/copy.yaml"))] = files[name]


def _application(files: Files, random: Random) -> None:
    folder = random.choice(("", "app-0/", "app-1/", "shared/"))
    text = _APPLICATION.replace(b"NAME", random.choice((b"app-0", b"app-1", b"shop", b"here")))
    files[f"{folder}application.yaml"] = text.replace(b"SPEC", random.choice(_SPECS))


_EDITS = (
    _insert_blank,
    _delete_line,
    _repeat_line,
    _number,
    _number,
    _rename,
    _rename,
    _append,
    _append,
    _remove,
    _move,
    _copy,
    _application,
)
