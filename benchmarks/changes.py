"""Measure what a change of one manifest costs: `python -m benchmarks.changes [SERVICES APPLICATIONS] …`.

A file declares ten services. The figure is the CPU time of the new catalogue, from the bytes of all files to the
applications, over the CPU time that PyYAML's C loader takes for the changed file alone. It is measured as in the
daemon: with garbage collection, and with the catalogue before in memory.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import yaml

from benchmarks.fleet import Fleet
from ecsync import cli, wiring
from ecsync.config import Settings
from ecsync.core.ports import Snapshot

SIZES = ((10, 1), (100, 1), (100, 10), (1000, 1), (1000, 100))  # services, applications
ROUNDS = 10
Edit = Callable[[bytes, int], bytes]  # (content, round) -> another content


def _with_comment(content: bytes, at: int, number: int) -> bytes:
    """Return the content with lines of comment at a place: the places of all values behind it change."""
    return content[:at] + b"# a comment\n" * (number + 1) + content[at:]


CONTROL = "control: this file"
IMAGE = b"nginx:1.27"
EDITS: Mapping[str, Edit] = {
    "one image": lambda content, number: content.replace(IMAGE, b"nginx:2.%d" % number, 1),
    "the image of all ten": lambda content, number: content.replace(IMAGE, b"nginx:2.%d" % number),
    "a new document": lambda content, number: content + b"  LogGroup/new-%d: {logGroupName: /new}\n" % number,
    "a line in the middle": lambda content, number: _with_comment(
        content, content.index(b"\n", len(content) // 2) + 1, number
    ),
    "every line moved": lambda content, number: _with_comment(content, 0, number),
}


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measured(services: int, applications: int) -> dict[str, float]:
    """Return the CPU seconds of the new catalogue after each change, and of the control."""
    gc.set_threshold(*cli.COLLECTION)
    files = Fleet(services, applications).files()
    name = min(name for name in files if name.startswith("app-0/services-"))
    workspace = wiring.workspace(Settings(), ".", read_only=True)
    number = 0

    def catalogue(changed: Mapping[str, bytes]) -> None:
        nonlocal number
        number += 1
        found = workspace.catalogue(Snapshot(revision=str(number), files=changed))
        assert not found.problems, found.problems[0]

    wiring.workspace(Settings(), ".", read_only=True).catalogue(Snapshot(revision="0", files=files))  # AWS's shapes
    gc.collect()
    spent = {"all files new": cpu(lambda: catalogue(files))}
    spent["no change"] = min(cpu(lambda: catalogue(files)) for _ in range(ROUNDS))
    for label, edit in EDITS.items():
        every = [{**files, name: edit(files[name], one)} for one in range(ROUNDS)]
        spent[label] = min(cpu(partial(catalogue, changed)) for changed in every)
    text = files[name].decode()
    spent[CONTROL] = min(cpu(lambda: list(yaml.load_all(text, Loader=yaml.CSafeLoader))) for _ in range(ROUNDS))
    return spent


def main(sizes: tuple[tuple[int, int], ...]) -> None:
    """Measure and print the table."""
    print(f"{'services':>8}  {'applications':>12}  {'change':<22}{'CPU ms':>10}{'/ control':>10}")
    for services, applications in sizes:
        spent = measured(services, applications)
        for label, seconds in spent.items():
            ratio = seconds / spent[CONTROL]
            print(f"{services:>8}  {applications:>12}  {label:<22}{seconds * 1e3:>10.2f}{ratio:>10.1f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--json"]:
        print(json.dumps({f"{services} in {many}": measured(services, many) for services, many in SIZES}))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        main(tuple(zip(numbers[::2], numbers[1::2], strict=True)) or SIZES)
