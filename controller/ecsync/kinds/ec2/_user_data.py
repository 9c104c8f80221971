"""UserData: plain text in a manifest, base64 in AWS. The canonical form is the text."""

from __future__ import annotations

import base64
import binascii

from ecsync.core.trees import Json

# The first characters of a script or cloud-config, MIME parts, a Windows script, and Bottlerocket's settings. A value
# that decodes to anything else is text that happens to be valid base64.
_FIRST_CHARACTERS = ("#", "Content-Type", "MIME-Version", "<", "[")


def plain(value: Json) -> Json:
    """Return the text of user data that may be encoded; a value that does not decode to text is returned unchanged."""
    text = _decoded(value) if isinstance(value, str) else None
    return text if text is not None and text.lstrip().startswith(_FIRST_CHARACTERS) else value


def decoded(value: str) -> str:
    """Return the text of user data that AWS returned, which is always encoded.

    Binary data is returned encoded, and so is a script that was encoded twice: an instance receives that one encoded
    once and does not run it, so it must differ from the plain script.
    """
    text = _decoded(value)
    return value if text is None or plain(text) != text else text


def encoded(value: Json) -> Json:
    """Return user data as AWS accepts it; encoded data and an unresolved reference are returned unchanged."""
    if not isinstance(value, str) or plain(value) != value or _is_binary(value):
        return value
    return base64.b64encode(value.encode()).decode()


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _is_binary(value: str) -> bool:
    """True if the value is base64 of gzip data, which is not text in either form."""
    return value.startswith("H4sI")
