"""Exit codes, and what an error says on its way out: what, where, why, what to do."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

OK, ERROR, CHANGES, INVALID, HELD, TIMEOUT, PARTIAL = 0, 1, 2, 3, 4, 5, 6
NO_SOURCE, GUARD, ROLLED_BACK = 8, 9, 10
USAGE, BUG, INTERRUPTED = 64, 70, 130

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer exports only its children


def guarded(action: Callable[[], Any]) -> int:
    """Run a verb and return its exit code."""
    try:
        code = action()
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except _UsageError as error:
        _say(f"{error.format_message()}\nTry `ecsync --help`.")  # type: ignore[attr-defined]  # every usage error has it
        return USAGE
    except BrokenPipeError:
        return OK
    except Exception as error:  # noqa: BLE001  # the edge of the process: a traceback is not an answer
        return _explained(error)
    return code if isinstance(code, int) else OK


def _explained(error: Exception) -> int:
    from ecsync.cli._api import NoDaemon
    from ecsync.config import ConfigError
    from ecsync.core.ports import AwsError, SourceError
    from ecsync.engine.reconciler import Refused

    match error:
        case ConfigError():
            _say(f"{error}")
            return USAGE
        case NoDaemon():
            _say(str(error))
            return ERROR
        case SourceError():
            _say(f"the source cannot be used: {error}")
            return NO_SOURCE
        case Refused():
            _say(f"refused: {error}")
            return GUARD
        case AwsError(code="WrongAccount"):
            _say(f"refused: {error}")
            return GUARD
        case AwsError():
            _say(f"AWS: {error}{_hint(error)}")
            return ERROR
    _say("".join(traceback.format_exception(error)))
    _say("This is a bug of ecsync. Nothing is half-done for it: every change is made from what AWS shows.")
    return BUG


def _hint(error: Any) -> str:
    if error.kind == "credentials":
        return "\nCheck your credentials: AWS_PROFILE, or --profile."
    return ""


def _say(text: str) -> None:
    print(f"ecsync: {text}", file=sys.stderr)
