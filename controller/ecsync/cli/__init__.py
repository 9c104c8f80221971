"""The command `ecsync`: one file per verb. The verbs import heavy libraries, so that `--help` is quick."""

from __future__ import annotations

import atexit
import gc
import inspect
import sys
from collections.abc import Sequence
from typing import Any

import typer

from ecsync.cli import (
    _exits,
    adopt,
    apply,
    demo,
    eject,
    events,
    freeze,
    import_,
    plan,
    publish,
    retry,
    run,
    simulate,
    status,
    validate,
    verify,
)
from ecsync.cli.offline import diff, explain, permissions, schema

# The default of 700 new objects until a collection is for small programs: a start would visit its modules 100 times.
COLLECTION = (10_000, 10, 10)

_HELP = """
GitOps for Amazon ECS: keep AWS in the state that YAML manifests declare.

Examples:
  ecsync validate manifests/       check the manifests, without a call to AWS
  ecsync verify manifests/         ask AWS for images, roles, secrets, quotas
  ecsync plan manifests/ --calls   print what would change, and the API calls
  ecsync apply manifests/shop      apply the manifests once, and wait
  ecsync run s3://bucket/prefix    run the daemon; it writes with --enforce
  ecsync demo                      show drift and repair on a simulated AWS
"""

_VERBS: tuple[tuple[str, Any], ...] = (
    ("validate", validate.validate),
    ("verify", verify.verify),
    ("plan", plan.plan),
    ("apply", apply.apply),
    ("adopt", adopt.adopt),
    ("eject", eject.eject),
    ("import", import_.import_),
    ("publish", publish.publish),
    ("run", run.run),
    ("status", status.status),
    ("events", events.events),
    ("retry", retry.retry),
    ("freeze", freeze.freeze),
    ("unfreeze", freeze.unfreeze),
    ("suspend", freeze.suspend),
    ("resume", freeze.resume),
    ("override", freeze.override),
    ("approve", freeze.approve),
    ("permissions", permissions.permissions),
    ("diff", diff.diff),
    ("explain", explain.explain),
    ("schema", schema.schema),
    ("simulate", simulate.simulate),
    ("demo", demo.demo),
)


def build() -> typer.Typer:
    """Return the command with its verbs."""
    app = typer.Typer(
        name="ecsync",
        help=_as_written(_HELP),
        epilog="docs/cli.md lists exit codes and settings. A setting is a config key and an ECSYNC_* variable.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def root(version: bool = typer.Option(False, "--version", help="Print version and commit, and exit.")) -> None:
        if version:
            from ecsync import version as built

            typer.echo(f"ecsync {built.version()} (commit {built.commit()})")
            raise typer.Exit

    for name, verb in _VERBS:
        app.command(name, help=_as_written(verb.__doc__ or ""))(verb)
    return app


def _as_written(text: str) -> str:
    """Return a help text that keeps each example on its line: typer joins lines unless a backspace precedes them."""
    return inspect.cleandoc(text).replace("\n\nExample", "\n\n\b\nExample")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with a code of docs/cli.md."""
    gc.set_threshold(*COLLECTION)
    atexit.register(gc.freeze)  # else the interpreter visits every object once more before it ends
    command = typer.main.get_command(build())
    given = with_values(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_exits.guarded(lambda: _invoked(command, given)))


def _invoked(command: Any, arguments: list[str]) -> Any:
    """Return the result of a verb. Unlike `command.main` it passes KeyboardInterrupt on, with its text."""
    with command.make_context("ecsync", arguments) as context:
        return command.invoke(context)


def with_values(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `status --health` as `--health=daemon` where no state follows.

    typer has no option with a value that may be left out.
    """
    given = list(arguments)
    if given[:1] == ["status"]:
        for at, one in enumerate(given):
            if one == "--health" and (at + 1 == len(given) or given[at + 1].startswith("-")):
                given[at] = f"--health={status.DAEMON}"
    return given
