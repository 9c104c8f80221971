"""Exit codes, and the message of an error: what, where, why, what to do."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import typer

OK = 0
ERROR = 1
CHANGES = 2
INVALID = 3
HELD = 4
TIMEOUT = 5
PARTIAL = 6
LEASE = 7
NO_SOURCE = 8
GUARD = 9
ROLLED_BACK = 10
USAGE = 64
INTERNAL = 70
INTERRUPTED = 130


# From the least to the worst: a command that goes on past an application returns the worst of them all.
_BY_SEVERITY = (OK, CHANGES, HELD, TIMEOUT, PARTIAL, ROLLED_BACK, ERROR, INVALID, NO_SOURCE, GUARD)


def worst(codes: Iterable[int]) -> int:
    """Return the worst of several exit codes; 0 without any."""
    return max(codes, key=_BY_SEVERITY.index, default=OK)


def guarded(action: Callable[[], Any]) -> int:
    """Run a verb and return its exit code."""
    try:
        code = action()
    except typer.Exit as done:
        return done.exit_code
    except KeyboardInterrupt as stopped:
        _print(f"interrupted: {stopped if stopped.args else 'nothing was written'}")
        return INTERRUPTED
    except (typer.Abort, EOFError):  # a question without a yes
        _print("not confirmed: nothing was written")
        return INTERRUPTED
    except typer.TyperException as error:  # every usage error; typer contains its own copy of click
        _print(f"{error.format_message()}\nTry `ecsync --help`.")
        return USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter flushes, and fails
        return OK
    except Exception as error:  # noqa: BLE001  # the edge of the process: a person gets a message, not a traceback
        return explained(error)
    return code if isinstance(code, int) else OK


def explained(error: Exception, application: str = "") -> int:
    """Print what a person can do about the error (of an application), and return the exit code."""
    from ecsync.cli._api import NoDaemon
    from ecsync.config import ConfigError
    from ecsync.core.ports import AwsError, SourceError, WritesStopped
    from ecsync.engine.reconciler import Refused
    from ecsync.http.server import CannotServe

    of = f"{application}: " if application else ""
    match error:
        case ConfigError():
            _print(f"{error}")
            return USAGE
        case NoDaemon() | CannotServe():
            _print(f"{error}")
            return ERROR
        case WritesStopped():
            _print(f"{error}")
            return LEASE
        case SourceError():
            _print(f"the source cannot be used: {error}")
            return NO_SOURCE
        case Refused() | AwsError(code="WrongAccount"):
            _print(f"{of}stopped by a safety guard: {error}")
            return GUARD
        case AwsError():
            _print(f"{of}AWS returned an error: {error}{_hint(error)}")
            return ERROR
    _print("".join(traceback.format_exception(error)))
    _print("internal error: please report the lines above. It is safe to repeat the command: it reads AWS again first.")
    return INTERNAL


def _hint(error: Any) -> str:
    if error.kind == "credentials":
        return "\nCheck your credentials: AWS_PROFILE, or --profile."
    return ""


def _print(text: str) -> None:
    print(f"ecsync: {text}", file=sys.stderr)
