"""Another client of AWS, for the demo: it changes something whenever all is in sync, and prints when it is repaired.

`breaker.py` goes on until it is stopped; `breaker.py once` makes one change and exits with 0 when it is repaired.
The environment has CONTROLLER (the URL of ecsync), PAUSE (seconds in sync before a change) and boto3's variables.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3

PATIENCE = 300.0  # seconds until a state that does not come is reported
POLL = 1.0
TASKS = (0, 1, 3, 4, 5, 6, 7, 8, 9, 10)  # the manifest has 2


@dataclass(frozen=True)
class Change:
    """What a person does in the console: its text, and a function that returns what is wrong until it is repaired."""

    text: str
    make: Callable[[], object]
    live: Callable[[], object]  # the value that was changed, as AWS has it


def changes(number: int) -> Iterator[Change]:
    """Yield changes to manifests/quickstart without an end; `number` is that of the first one.

    No value comes again soon: ecsync repairs the same change three times within an hour, and then holds the resource.
    """
    ecs, elb = (boto3.client(service, region_name=os.environ["AWS_REGION"]) for service in ("ecs", "elbv2"))

    def service() -> dict[str, Any]:
        found: dict[str, Any] = ecs.describe_services(cluster="quickstart", services=["web"])["services"][0]
        return found

    def group() -> dict[str, Any]:
        found: dict[str, Any] = elb.describe_target_groups(Names=["quickstart-web"])["TargetGroups"][0]
        return found

    def scale(tasks: int) -> None:
        ecs.update_service(cluster="quickstart", service="web", desiredCount=tasks, healthCheckGracePeriodSeconds=30)

    def check(path: str) -> None:
        elb.modify_target_group(TargetGroupArn=group()["TargetGroupArn"], HealthCheckPath=path)

    while True:
        tasks, path = TASKS[number % len(TASKS)], f"/wrong-{number}"
        yield Change(
            f"scale the service web to {tasks} tasks", partial(scale, tasks), lambda: service()["desiredCount"]
        )
        yield Change(
            "change the health check path of the target group quickstart-web",
            partial(check, path),
            lambda: group()["HealthCheckPath"],
        )
        number += 1


def in_sync(controller: str) -> bool:
    """Return whether the controller reports every application, and there is one, as Synced and Healthy."""
    try:
        with urllib.request.urlopen(f"{controller}/api/v1/applications", timeout=10) as answer:  # noqa: S310  # our own URL
            applications = json.load(answer)["items"]
    except OSError:
        return False
    return bool(applications) and all((one["sync"], one["health"]) == ("Synced", "Healthy") for one in applications)


def until(what: str, true: Callable[[], bool]) -> float:
    """Wait until it is true, and return the seconds. Prints a line each time that PATIENCE is over."""
    began = time.monotonic()
    reported = began
    while not true():
        if time.monotonic() - reported > PATIENCE:
            reported = time.monotonic()
            _print(f"still waiting after {reported - began:.0f} s: {what}")
        time.sleep(POLL)
    return time.monotonic() - began


def demonstrate(change: Change, controller: str) -> None:
    """Make the change, and wait until AWS has the old value again and the controller reports it as in sync."""
    before = change.live()
    change.make()
    _print(f"BROKEN: {change.text} ({before} → {change.live()})")
    repaired = until("the repair", lambda: change.live() == before)
    _print(f"REPAIRED by ecsync after {repaired:.0f} s ({before})")
    healthy = until("Synced and Healthy", lambda: in_sync(controller))
    _print(f"Synced · Healthy after {repaired + healthy:.0f} s")


def _print(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    """Change and wait, for ever or once."""
    controller, pause = os.environ["CONTROLLER"], float(os.environ.get("PAUSE", "60"))
    once = sys.argv[1:] == ["once"]
    converged = until("Synced and Healthy", lambda: in_sync(controller))
    _print(f"Synced · Healthy after {converged:.0f} s")
    for change in changes(int(time.time()) if once else 0):
        if not once:
            time.sleep(pause)
        demonstrate(change, controller)
        if once:
            return


if __name__ == "__main__":
    main()
