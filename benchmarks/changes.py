"""Measure what a change of one manifest costs: `python -m benchmarks.changes [SERVICES APPLICATIONS] …`.

A file declares ten services. The figure is the CPU time of the new catalogue, from the bytes of all files to the
applications, over the CPU time that PyYAML's C loader takes for the changed file alone. It is measured as in the
daemon: with garbage collection, and with the catalogue before in memory.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Mapping

import yaml

from benchmarks.fleet import Fleet
from ecsync import cli, wiring
from ecsync.config import Settings
from ecsync.core.model import Snapshot

SIZES = ((10, 1), (100, 1), (100, 10), (1000, 1), (1000, 100))  # services, applications
ROUNDS = 10
Edit = Callable[[bytes, int], bytes]  # (content, round) -> another content

IMAGE = b"nginx:1.27"
EDITS: Mapping[str, Edit] = {
    "one image": lambda content, number: content.replace(IMAGE, b"nginx:2.%d" % number, 1),
    "the image of all ten": lambda content, number: content.replace(IMAGE, b"nginx:2.%d" % number),
    "a new document": lambda content, number: content + b"  LogGroup/new-%d: {logGroupName: /new}\n" % number,
    "every line moved": lambda content, number: b"# a comment\n" * (number + 1) + content,
}


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measured(services: int, applications: int) -> None:
    """Print the rows of one fleet."""
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
    first = cpu(lambda: catalogue(files))
    same = min(cpu(lambda: catalogue(files)) for _ in range(ROUNDS))
    text = files[name].decode()
    control = min(cpu(lambda: list(yaml.load_all(text, Loader=yaml.CSafeLoader))) for _ in range(ROUNDS))
    title = f"{services:>8}  {applications:>12}"
    for label, spent in {"all files new": first, "no change": same}.items():
        print(f"{title}  {label:<22}{spent * 1e3:>10.2f}{spent / control:>10.1f}", flush=True)
    for label, edit in EDITS.items():
        best = math.inf
        for one in range(ROUNDS):
            changed = {**files, name: edit(files[name], one)}
            best = min(best, cpu(lambda changed=changed: catalogue(changed)))  # type: ignore[misc]
        print(f"{title}  {label:<22}{best * 1e3:>10.2f}{best / control:>10.1f}", flush=True)
    print(f"{title}  {'control: this file':<22}{control * 1e3:>10.2f}{1:>10.1f}", flush=True)


def main(sizes: tuple[tuple[int, int], ...]) -> None:
    """Measure and print the table."""
    gc.set_threshold(*cli.COLLECTION)
    print(f"{'services':>8}  {'applications':>12}  {'change':<22}{'CPU ms':>10}{'/ control':>10}")
    for services, applications in sizes:
        measured(services, applications)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(tuple(zip(numbers[::2], numbers[1::2], strict=True)) or SIZES)
