"""docs/reference/cli.md: every verb with its arguments, options, example and exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from docs.generate.markdown import HEAD, cell, code, rows_in, table
from ecsync.cli import _exits, build

_VERB = re.compile(r"`([a-z]+)")
_CODES: Mapping[int, str] = {
    _exits.OK: "done; `run` was stopped",
    _exits.ERROR: "any other error; AWS or a daemon does not answer, a resource could not be read",
    _exits.CHANGES: "changes are pending; something differs or is missing",
    _exits.INVALID: "a manifest is invalid",
    _exits.HELD: "a change is held",
    _exits.TIMEOUT: "the time is over",
    _exits.PARTIAL: "a change failed, or a resource was left out",
    _exits.LEASE: "another process holds the lease, or it cannot be taken",
    _exits.NO_SOURCE: "the source cannot be used",
    _exits.GUARD: "stopped by a safety guard",
    _exits.ROLLED_BACK: "ECS rolled a deployment back",
    _exits.USAGE: "wrong command line or settings",
    _exits.INTERNAL: "internal error",
    _exits.INTERRUPTED: "interrupted",
}


def page(manual: Path) -> str:
    """Return the page. `manual` is docs/cli.md: the exit codes of a verb are in its table of verbs."""
    command: Any = typer.main.get_command(build())
    codes = dict(_exit_codes(manual))
    return "\n".join([*_top(command), *(line for name in command.commands for line in _verb(command, name, codes))])


def verbs() -> tuple[str, ...]:
    """Return the names of all verbs."""
    command: Any = typer.main.get_command(build())
    return tuple(command.commands)


def exit_codes() -> frozenset[int]:
    """Return every exit code of the command."""
    return frozenset(value for name, value in vars(_exits).items() if name.isupper() and isinstance(value, int))


def _exit_codes(manual: Path) -> Iterator[tuple[str, str]]:
    """Yield the text of the exit codes of each verb; one row may be of several verbs."""
    for row in rows_in(manual):
        if len(row) == 3 and row[0].startswith("`"):
            for name in _VERB.findall(row[0]):
                yield name, row[2]


def _top(command: Any) -> Iterator[str]:
    yield HEAD.format(source="the verb in controller/ecsync/cli, or the table in docs/cli.md")
    yield "# Verbs"
    yield ""
    yield (
        "`ecsync VERB --help` prints the same. [The command](../cli.md) explains the verbs, the output and the API. "
        "`ecsync --version` prints the version."
    )
    yield ""
    yield from table(("verb", "effect"), ((f"[`{name}`](#{name})", _first(verb)) for name, verb in _verbs(command)))
    yield ""
    yield "## Exit codes"
    yield ""
    yield from table(("code", "meaning"), ((str(one), _CODES.get(one, "")) for one in sorted(exit_codes())))
    yield ""
    yield "Where a verb gives a code another meaning, its section has that meaning."


def _verbs(command: Any) -> Iterator[tuple[str, Any]]:
    yield from command.commands.items()


def _first(verb: Any) -> str:
    return cell(_texts(verb)[0][0].split("\n\n")[0])


def _texts(verb: Any) -> tuple[list[str], str]:
    """Return the paragraphs of a help text, and its examples."""
    text, _, examples = (verb.help or "").partition("\b\n")
    examples = re.sub(r"^Examples?:\s*", "", examples)
    return text.strip().split("\n\n"), "\n".join(_commented(line.strip()) for line in examples.splitlines())


def _commented(example: str) -> str:
    """Return an example with its explanation as a comment: it is after three spaces or more."""
    command, spaces, text = re.match(r"(.*?)(?:(\s{3,})(.*))?$", example).groups()  # type: ignore[union-attr]
    return f"{command}{spaces}# {text}" if text else command


def _verb(command: Any, name: str, codes: Mapping[str, str]) -> Iterator[str]:
    verb = command.commands[name]
    paragraphs, examples = _texts(verb)
    yield from ("", f"## {name}", "")
    yield "\n\n".join(" ".join(one.split()) for one in paragraphs if not one.startswith("Exit codes:"))
    arguments = [one for one in verb.params if not _is_option(one)]
    options = [one for one in verb.params if _is_option(one)]
    if examples:
        yield from ("", "```console", examples, "```")
    if arguments:
        yield ""
        rows = ((code(one.metavar or one.name.upper()), cell(one.help or "")) for one in arguments)
        yield from table(("argument", "meaning"), rows)
    if options:
        yield ""
        yield from table(("option", "default", "meaning"), (_option(one) for one in options))
    yield from ("", f"Exit codes: {codes.get(name, '')}.".replace("..", "."))


def _is_option(parameter: Any) -> bool:
    return any(one.startswith("-") for one in parameter.opts)


def _option(option: Any) -> tuple[str, str, str]:
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.metavar or _type(option)}"
    default = option.default if option.default not in (None, "", False) else ""
    if option.required:
        default = "required"
    elif option.secondary_opts and default is True:
        default = option.opts[0]
    more = " May be repeated." if option.multiple else ""
    return code(names + value), cell(str(default)), cell(option.help or "") + more


def _type(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    return {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "FILE"}.get(annotation.__name__, "TEXT")
