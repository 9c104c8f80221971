"""All figures in one table, with their targets: `make bench`, or `python -m benchmarks.table --only steady,memory`.

Every ratio is to a control or to a limit of the same run. `--large` adds 10,000 services. The exit code is 1 if a
steady round wrote: then no figure means anything.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeAlias

from benchmarks.ansible import NotMeasuredError, installed
from benchmarks.ansible import measure as against_ansible
from benchmarks.beside import beside
from benchmarks.cost import Cost
from benchmarks.limited import Limited, check
from benchmarks.load.client import LoadAws
from benchmarks.plan import LATENCY, plans
from benchmarks.rounds import Point, controls, point, run
from benchmarks.throttled import throttled

SIZES = ((10, 1), (100, 1), (100, 10), (100, 100), (1000, 1), (1000, 100))
LARGE = ((10_000, 1), (10_000, 100))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `met` is None where the target is not decided by this run."""

    figure: str
    value: str
    target: str = ""
    met: bool | None = None


Rows: TypeAlias = Iterator[Row]


@dataclass
class Bench:
    """One run: the load AWS, and what was measured so far."""

    aws: LoadAws
    large: bool
    budget: float
    ansible: str | None = None  # the folder of Ansible's environment, empty for a temporary one; None: no Ansible
    points: dict[tuple[int, int, int], Point | str] = field(default_factory=dict)
    scripts: dict[tuple[int, int], dict[str, Cost]] = field(default_factory=dict)

    def point(self, services: int, applications: int, sites: int = 1) -> Point | str:
        """Return the steady rounds of a fleet, measured once."""
        key = (services, applications, sites)
        if key not in self.points:
            budget = self.budget * (5 if services > 1000 else 1)
            self.points[key] = point(self.aws, services, applications, sites, budget)
        return self.points[key]

    def controls(self, services: int, sites: int = 1) -> dict[str, Cost]:
        """Return the controls of a fleet, measured once."""
        if (services, sites) not in self.scripts:
            self.scripts[services, sites] = controls(self.aws, services, sites)
        return self.scripts[services, sites]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The fleets of one site: services, applications."""
        return SIZES + LARGE if self.large else SIZES

    @property
    def writes(self) -> int:
        """The writes of all steady rounds."""
        found = [one for one in self.points.values() if isinstance(one, Point)]
        return sum(cost.writes for one in found for cost in (one.cold, *one.steady))


# ---------------------------------------------------------------- rows of steady rounds


def steady(bench: Bench) -> Rows:
    """Yield the calls of a steady round over the limit."""
    for services, applications in bench.sizes:
        target = 1.5 if services == 10 else 1.05
        figure = f"calls of a steady round / limit, N = {services:,} in {applications}"
        one = bench.point(services, applications)
        if isinstance(one, str):
            yield Row(figure, f"not measured: {one}", f"≤ {target}")
            continue
        calls = one.mean(lambda cost: cost.total)
        whole = "" if one.is_whole else f"; only {len(one.steady)} rounds"
        ratio = calls / one.mean_limit
        text = (
            f"{ratio:.2f} (mean {calls:,.0f} / {one.mean_limit:,.0f} with each read at its cadence{whole}); "
            f"a typical round {one.typical.total:,} / {one.limit:,} with every read"
        )
        yield Row(figure, text, f"≤ {target}", ratio <= target)


def cpu(bench: Bench) -> Rows:
    """Yield CPU against the controls."""
    for services, applications in bench.sizes:
        one = bench.point(services, applications)
        if isinstance(one, str):
            continue
        scripts = bench.controls(services)
        own = one.mean(lambda cost: cost.process_cpu)
        stock, lean = scripts["boto3, batched"].process_cpu, scripts["lean script"].process_cpu
        text = f"{own / stock:.2f} ({own / services * 1e3:.2f} ms/service; / lean script {own / lean:.1f})"
        target = ("≤ 0.25", own <= stock / 4) if services >= 1000 else ("", None)
        yield Row(f"CPU of a mean round / stock batched boto3, N = {services:,} in {applications}", text, *target)
    one = bench.point(10, 1)
    if isinstance(one, Point):
        each = one.mean(lambda cost: cost.process_cpu) / 10
        scripts = bench.controls(10)
        single = scripts["boto3, one call per object"].process_cpu / 10
        yield Row("CPU / one call per object with stock boto3, N = 10", f"{each / single:.2f}")


def ansible(bench: Bench) -> Rows:
    """Yield CPU against Ansible, where a folder for it is given."""
    figure, target = "CPU for each service / Ansible, N = 10", "≤ 1/1,000"
    if bench.ansible is None:
        yield Row(figure, "not measured: --ansible FOLDER", target)
        return
    try:
        with installed(bench.ansible) as playbook:
            one = against_ansible(bench.aws, 10, playbook)
    except NotMeasuredError as error:
        yield Row(figure, f"not measured: {error}", target)
        return
    process = one.ansible_cpu / one.plan_cpu
    text = (
        f"1/{one.ratio:,.0f} ({one.ecsync_cpu / 10 * 1e3:.2f} ms / {one.ansible_cpu / 10 * 1e3:,.0f} ms); "
        f"calls {one.ecsync_calls:.1f} / {one.ansible_calls}; a process of `ecsync plan` 1/{process:.0f}"
    )
    yield Row(figure, text, target, one.ratio >= 1000)


def wall(bench: Bench) -> Rows:
    """Yield the wall time of a steady round without latency and limits."""
    one = bench.point(1000, 1)
    if isinstance(one, str):
        yield Row("wall of a steady round of 1,000", f"not measured: {one}", "≤ 1.5 s")
    else:
        seconds = one.least(lambda cost: cost.wall)
        typical = one.typical.wall
        yield Row(
            "wall of a steady round of 1,000", f"{seconds:.2f} s; typical {typical:.2f} s", "≤ 1.5 s", seconds <= 1.5
        )


def memory(bench: Bench) -> Rows:
    """Yield the resident memory after the rounds."""
    for services, applications, most in ((1000, 1, 110), (1000, 100, 110), (10_000, 1, 200), (10_000, 100, 200)):
        if services > 1000 and not bench.large:
            yield Row(f"resident memory, N = {services:,} in {applications}", "not measured: --large", f"≤ {most} MB")
            continue
        one = bench.point(services, applications)
        if isinstance(one, str):
            yield Row(f"resident memory, N = {services:,} in {applications}", f"not measured: {one}", f"≤ {most} MB")
            continue
        size = one.memory / 1e6
        text = f"{size:.0f} MB ({one.memory_after_load / 1e6:.0f} before the first call)"
        yield Row(f"resident memory, N = {services:,} in {applications}", text, f"≤ {most} MB", size <= most)


def growth(bench: Bench) -> Rows:
    """Yield the exponents: 1 is linear."""
    largest = 10_000 if bench.large else 1000
    ways = {
        f"N = 10 … {largest:,} in one application": [(n, 1) for n in (10, 100, 1000, 10_000) if n <= largest],
        f"1 … {largest // 10 if largest < 10_000 else 100} applications of ten": [(10, 1), (100, 10), (1000, 100)],
    }
    for name, keys in ways.items():
        for what, of in FIGURES.items():
            found = [(key[0], bench.point(*key)) for key in keys]
            points = [(services, one) for services, one in found if isinstance(one, Point)]
            figure = f"exponent of {what}, {name}"
            if len(points) < len(keys):
                yield Row(figure, "not measured: a round did not end in time", "≤ 1.03")
                continue
            slopes = [
                math.log(of(later) / of(earlier)) / math.log(more / fewer)
                for (fewer, earlier), (more, later) in pairwise(points)
            ]
            text = f"{slopes[-1]:.2f} at the end; by tenfold steps {', '.join(f'{slope:.2f}' for slope in slopes)}"
            yield Row(figure, text, "≤ 1.03", max(slopes) <= 1.03)


FIGURES: dict[str, Callable[[Point], float]] = {
    "calls": lambda one: one.mean(lambda cost: cost.total),
    "CPU": lambda one: one.mean(lambda cost: cost.process_cpu),
}


# ---------------------------------------------------------------- rows with AWS's rates


def limited(bench: Bench) -> Rows:
    """Yield the wall of a check over the time that the buckets need."""
    sizes = [(1000, 4, 1), (1000, 100, 1), *([(10_000, 8, 4)] if bench.large else [])]
    for services, applications, sites in sizes:
        name = f"{services:,} in {applications}" if sites == 1 else f"{sites} × {services // sites:,}"
        found = check(bench.aws, services, applications, sites)
        yield _limited_row(f"wall of a check with rates / bucket limit, {name}", found)
    if not bench.large:
        yield Row("wall of a check with rates / bucket limit, 4 × 2,500", "not measured: --large", "≤ 1.15")


def _limited_row(figure: str, found: Limited | str) -> Row:
    if isinstance(found, str):
        return Row(figure, f"not measured: {found}", "≤ 1.15")
    if found.wall is None:
        return Row(figure, f"not ended after {found.patience:.0f} s; limit {found.floor:.1f} s", "≤ 1.15", False)
    ratio = found.wall / found.floor if found.floor else math.inf
    spent = f"{found.cost.process_cpu:.1f} s of CPU, {found.cost.throttles} throttles"
    return Row(figure, f"{ratio:.2f} ({found.wall:.1f} s / {found.floor:.1f} s; {spent})", "≤ 1.15", ratio <= 1.15)


def throttles(bench: Bench) -> Rows:
    """Yield the throttles while others use half of each bucket, and the calls while one operation is throttled."""
    found = check(bench.aws, 300, 3, 1, others=0.5)
    figure = "throttles while others use half of each bucket, N = 300"
    if isinstance(found, str):
        yield Row(figure, f"not measured: {found}", "0")
    else:
        ended = "the check ended" if found.wall is not None else f"{found.patience:.0f} s of a check"
        yield Row(
            figure, f"{found.cost.throttles} in {found.cost.total:,} calls; {ended}", "0", not found.cost.throttles
        )
    during = throttled(bench.aws, 100, 10)
    figure = "calls while one operation is throttled / before, N = 100 in 10"
    if isinstance(during, str):
        yield Row(figure, f"not measured: {during}", "≤ 1.1")
    else:
        worst = max(during.values())
        each = ", ".join(f"{name.partition('.')[2]} {ratio:.2f}" for name, ratio in during.items())
        yield Row(figure, each, "≤ 1.1", worst <= 1.1)


def another_region(bench: Bench) -> Rows:
    """Yield the late passes of an application beside busy ones."""
    found = beside(bench.aws, 1000, 20, 75.0)
    first = "none ended" if found.first_pass is None else f"the first ended after {found.first_pass:.1f} s"
    text = (
        f"{found.late} late of {found.passes} in {found.seconds:.0f} s; {first}; longest gap {found.longest_gap:.1f} s"
    )
    yield Row("late passes at interval 10 s in another Region beside 1,000", text, "0", found.late == 0)


# ---------------------------------------------------------------- rows of manifests, writes and verbs


def manifests(bench: Bench) -> Rows:
    """Yield the growth of reading manifests, and the cost of one changed file."""
    del bench
    found: Any = run("benchmarks.scaling", ["--json"], 300)
    if isinstance(found, str):
        yield Row("exponent of validate and compile, 10, 100, 1,000 services", f"not measured: {found}", "≤ 1.05")
    else:
        slope = found["exponents"]["load"]
        text = f"{slope:.2f} between 100 and 1,000 ({found['spent']['1000']['load']:.2f} s CPU for 1,000)"
        yield Row("exponent of validate and compile, 10, 100, 1,000 services", text, "≤ 1.05", slope <= 1.05)
    changed: Any = run("benchmarks.changes", ["--json"], 300)
    figure = "one file of 1,000 services changed: CPU / reading that file alone"
    if isinstance(changed, str):
        yield Row(figure, f"not measured: {changed}", "≤ 3")
        return
    spent = changed["1000 in 1"]
    for change in ("one image", "a new document", "a line in the middle", "every line moved"):
        ratio = spent[change] / spent["control: this file"]
        yield Row(f"{figure}, {change}", f"{ratio:.1f} ({spent[change] * 1e3:.0f} ms)", "≤ 3", ratio <= 3)


def writes(bench: Bench) -> Rows:
    """Yield the calls of a first converge and of a new image."""
    services = 1000 if bench.large else 100
    found: Any = run("benchmarks.writes", [f"--services={services}", "--image"], 900)
    if isinstance(found, str):
        yield Row(
            f"first converge of {services}: writes / minimum; reads per write", f"not measured: {found}", "1.00; ≤ 2"
        )
        return
    first, image = found["first"], found["image"]
    made, fewest = sum(first["writes"].values()), sum(first["minimum"].values())
    text = f"{made / fewest:.2f} ({made:,} / {fewest:,}); {first['reads'] / made:.2f}"
    met = made == fewest and first["reads"] <= 2 * made
    yield Row(f"first converge of {services}: writes / minimum; reads per write", text, "1.00; ≤ 2", met)
    redundant = sum(image["writes"].values()) - sum(image["minimum"].values())
    ratio = image["seconds"] / image["floor"]
    spent = f"{image['seconds']:,.0f} s / {image['floor']:,.0f} s, virtual"
    text = f"{ratio:.2f} ({spent}); {redundant}; {image['reads']:,} reads"
    met = ratio <= 1.05 and not redundant
    yield Row(f"new image for {services}: time / floor at the same share; redundant writes", text, "≤ 1.05; 0", met)


def plan(bench: Bench) -> Rows:
    """Yield the wall of `plan` against a script of two calls per service, with AWS's latency and without."""
    for latency in (LATENCY, 0.0):
        found = plans(bench.aws, latency=latency)
        ratio = found.plan.wall / found.script.wall
        text = (
            f"{ratio:.2f} ({found.plan.wall:.2f} s, {found.plan.calls} calls / {found.script.wall:.2f} s, "
            f"{found.script.calls} calls); CPU {found.plan.cpu / found.script.cpu:.2f}"
        )
        figure = f"`plan` of 10 services, {latency * 1000:.0f} ms of latency: wall / two calls per service"
        yield Row(figure, text, "≤ 1", ratio <= 1)


def unmeasured(bench: Bench) -> Rows:
    """Yield what no benchmark measures."""
    del bench
    yield Row(
        "24 simulated hours of 500 services: memory slope after the first hour",
        "not measured here: `python -m benchmarks.soak`, an hour or more",
        "< 1 MiB/h",
    )
    yield Row("staleness of drift; shortcut equals the full comparison", "not measured here: these are tests")


PARTS: dict[str, Callable[[Bench], Rows]] = {
    "steady": steady,
    "cpu": cpu,
    "ansible": ansible,
    "wall": wall,
    "limited": limited,
    "throttles": throttles,
    "region": another_region,
    "memory": memory,
    "manifests": manifests,
    "growth": growth,
    "writes": writes,
    "plan": plan,
    "rest": unmeasured,
}


def line(row: Row) -> str:
    """Return a row as a line of a Markdown table."""
    met = {True: "yes", False: "no", None: ""}[row.met]
    return f"| {row.figure} | {row.value} | {row.target} | {met} |"


def main() -> None:
    """Measure each part and print its rows as they are known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts of the table: {', '.join(PARTS)}")
    parser.add_argument("--large", action="store_true", help="also 10,000 services; an hour or more")
    parser.add_argument("--budget", type=float, default=30.0, help="CPU seconds for the rounds of one fleet")
    parser.add_argument(
        "--ansible", nargs="?", const="", metavar="FOLDER", help="also Ansible, which is installed into this folder"
    )
    wanted = parser.parse_args()
    started = time.monotonic()
    machine = f"{platform.machine()}, CPython {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}. Ratios are to controls and limits of this run.\n")
    print("| figure | measured | target | met |\n|---|---|---|---|")
    with LoadAws() as aws:
        bench = Bench(aws, wanted.large, wanted.budget, wanted.ansible)
        for name in wanted.only.split(","):
            for row in PARTS[name](bench):
                print(line(row), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")
    if bench.writes:
        sys.exit(f"error: {bench.writes} writes in steady rounds; there must be none")


if __name__ == "__main__":
    main()
