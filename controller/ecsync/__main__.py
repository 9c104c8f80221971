"""The program `ecsync`: the health check without the rest of the command, or the command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run what the arguments ask for, and exit."""
    if sys.argv[1:] == ["status", "--health"]:
        from ecsync import health

        code = health.main()
        if code is not None:
            sys.exit(code)
    from ecsync.cli import main as command

    command()


if __name__ == "__main__":
    main()
