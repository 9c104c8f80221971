"""The bill of materials of a build, as CycloneDX JSON: `python -m deploy.release.sbom DIRECTORY` prints its name.

It lists the locked dependencies of the image and of `pip install ecsync` (locks/run.txt), each with its version and the
hashes that pip accepts. The same tree gives the same bytes. It needs cyclonedx-bom.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write(into: Path, lock: Path = ROOT / "locks" / "run.txt") -> Path:
    """Write the bill of materials of a lock into a directory and return the file. Raises CalledProcessError."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    into.mkdir(parents=True, exist_ok=True)
    file = into / f"{project['name']}-{project['version']}.cdx.json"
    command = [sys.executable, "-W", "ignore::UserWarning", "-m", "cyclonedx_py", "requirements"]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-format", "JSON"]
    subprocess.run([*command, *options, "--output-file", str(file), str(lock)], check=True)  # noqa: S603  # our own Python
    return file


def main() -> None:
    """Write it."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.release.sbom DIRECTORY")
    print(write(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
