"""UserData: plain text in a manifest, base64 at AWS; the canonical form is the text."""

from __future__ import annotations

import base64
import binascii

from ecsync.core.trees import Json

# How a script, cloud-config, MIME parts, a Windows script or Bottlerocket's settings begin. Text that happens to be
# base64 of nothing like these is text.
_BEGINNINGS = ("#", "Content-Type", "MIME-Version", "<", "[")


def plain(value: Json) -> Json:
    """Return the text of user data that may be encoded; what does not decode to text stays as it is."""
    text = _decoded(value) if isinstance(value, str) else None
    return text if text is not None and text.lstrip().startswith(_BEGINNINGS) else value


def decoded(value: str) -> str:
    """Return user data as AWS gave it, always encoded, as text; binary data stays encoded.

    So does a script that was encoded twice: instances are given it encoded once, and run nothing.
    """
    text = _decoded(value)
    return value if text is None or plain(text) != text else text


def encoded(value: Json) -> Json:
    """Return user data as AWS takes it; what is encoded already, or holds an unknown reference, stays as it is."""
    if not isinstance(value, str) or plain(value) != value or _is_binary(value):
        return value
    return base64.b64encode(value.encode()).decode()


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _is_binary(value: str) -> bool:
    """Tell whether the value is base64 of compressed data, which is no text in either form."""
    return value.startswith("H4sI")
