"""How ecsync was installed, and so the command that adds an extra to it: pip, pipx, uv, a checkout or the image."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_IMAGES = {  # what builds an image with the extra, see the Dockerfile
    "simulator": "docker build --target simulator .",
    "gpg": "docker build --build-arg LOCK=gpg .",
}
_WHEELS = "/wheels/"  # where the Dockerfile takes the wheel from


def command_for(extra: str, of: Distribution | None = None, prefix: Path | None = None) -> str:
    """Return the command that installs ecsync with an extra in the way in which it is installed.

    `of` is the installed package, and `prefix` its environment; by default those of this process.
    """
    found = of or distribution("ecsync")
    home = prefix or Path(sys.prefix)
    origin: Mapping[str, Any] = json.loads(found.read_text("direct_url.json") or "{}")
    wanted = _wanted(extra, origin)
    if urlsplit(origin.get("url", "")).path.startswith(_WHEELS):
        return _IMAGES.get(extra, "docker build .")
    if (home / "pipx_metadata.json").exists():
        return f"pipx install --force {wanted}"
    if (home / "uv-receipt.toml").exists():
        return f"uv tool install --force {wanted}"
    if origin.get("dir_info", {}).get("editable"):
        if (home / ".installed").exists():  # of the Makefile: it installs every extra
            return f"make -C {shlex.quote(_folder(origin))} clean install"
        wanted = f"--editable {wanted}"
    python = shlex.quote(str(home / "bin" / "python"))
    if (found.read_text("INSTALLER") or "").strip() == "uv":
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"


def _wanted(extra: str, origin: Mapping[str, Any]) -> str:
    """Return ecsync with the extra from where it was taken, quoted for a shell."""
    url = origin.get("url", "")
    if "dir_info" in origin:
        return shlex.quote(f"{_folder(origin)}[{extra}]")
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        at = f"@{vcs['requested_revision']}" if vcs.get("requested_revision") else ""
        return shlex.quote(f"ecsync[{extra}] @ {vcs['vcs']}+{url}{at}")
    return shlex.quote(f"ecsync[{extra}] @ {url}" if url else f"ecsync[{extra}]")


def _folder(origin: Mapping[str, Any]) -> str:
    return unquote(urlsplit(origin["url"]).path)
