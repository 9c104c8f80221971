"""docs/reference/iam.md: the actions of each kind by mode, and the policies of a shipped example."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from docs.generate.markdown import HEAD, table
from ecsync import wiring
from ecsync.config import Settings
from ecsync.core.kind import Kind
from ecsync.kinds import ALL
from ecsync.offline.permissions.life import life_of
from ecsync.offline.permissions.policy import fitting

_ACCOUNT, _INSTALLATION = "123456789012", "prod"
_MODES = ("observe", "apply", "prune")
_PARTS: tuple[Literal["read", "write", "delete"], ...] = ("read", "write", "delete")


def page(manifests: Path) -> str:
    """Return the page. `manifests` has the folder of the example."""
    return "\n".join([*_top(), *_kinds(), *_example(manifests / "nightly")]) + "\n"


def _top() -> Iterator[str]:
    yield HEAD.format(source="controller/ecsync/offline/permissions and the kinds")
    yield "# IAM"
    yield ""
    yield (
        "`ecsync permissions PATH --mode MODE` prints the policy that given manifests need, with the names of their "
        "resources. [The command](../cli.md#permissions) explains the modes and the limits. This page lists "
        "the actions of each kind: use the command for a policy."
    )


def _kinds() -> Iterator[str]:
    yield from ("", "## Actions by kind", "")
    yield (
        "A mode contains those before it. `prune` is what pruning needs beside `apply`; a replacement needs the same "
        "actions. Every pass also lists what carries our tags, with `tag:GetResources`."
    )
    yield ""
    rows = ([f"[{one.name}](kinds/{one.name}.md)", *map(_actions, _by_mode(one))] for one in ALL)
    yield from table(("kind", "observe: reads", "apply: writes", "prune: deletes"), rows)


def _by_mode(kind: Kind) -> Iterator[Iterable[str]]:
    yield from (kind.actions.get(part, ()) for part in _PARTS)


def _actions(actions: Iterable[str]) -> str:
    """Return the actions by service: `ecs:` CreateCluster, TagResource."""
    services: dict[str, list[str]] = {}
    for one in dict.fromkeys(actions):
        service, _, name = one.partition(":")
        services.setdefault(service, []).append(name)
    return "; ".join(f"`{service}:` {', '.join(names)}" for service, names in services.items())


def _example(folder: Path) -> Iterator[str]:
    yield from ("", "## An example", "")
    yield f"The policies of `manifests/{folder.name}`, an application with scheduled scaling of a service."
    for mode in _MODES:
        yield from ("", f"### {mode}", "", "```console")
        asked = f"manifests/{folder.name} --mode {mode} --installation {_INSTALLATION} --account {_ACCOUNT}"
        yield f"$ ecsync permissions {asked}"
        yield "```"
        yield from ("", "```json", json.dumps(policy(folder, mode), indent=2), "```")


def policy(folder: Path, mode: Any) -> Mapping[str, Any]:
    """Return the policy of the manifests in a folder."""
    settings = Settings(installation=_INSTALLATION, account=_ACCOUNT)
    workspace = wiring.workspace(settings, str(folder), read_only=True)
    loaded = workspace.loaded(workspace.source(str(folder)).fetch())
    assert not loaded.problems
    life = life_of(
        loaded.applications,
        wiring.all_kinds(),
        workspace.target_of,
        installation=_INSTALLATION,
        account=_ACCOUNT,
        region="",
        sources=["manifests"],
        lease="auto",
        freeze="",
    )
    (made,), _ = fitting(life.needs(mode))
    return made
