"""Who may sign commits and tags: keys that the operator lists, and what counts as signed by one of them.

SSH keys are listed in the format of `allowed_signers` (ssh-keygen), OpenPGP keys as armored public keys. A key is
judged at the time that the commit or tag states, as git does: a key that expires does not undo what it has signed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dulwich.errors import FileFormatException
from dulwich.objects import Commit, Tag

from ecsync.core.ports import SourceError
from ecsync.core.wording import printable
from ecsync.installed import command_for
from ecsync.sources.git_errors import BadKey, BadSignature
from ecsync.sources.sshsig import BEGIN, NAMESPACE, signer, verifier

if TYPE_CHECKING:
    from ecsync.sources.openpgp import PublicKeys

_MAX_SIGNATURE = 16_384  # bytes
_MAX_FILE = 2**20
_PGP = b"-----BEGIN PGP SIGNATURE-----\n"
_HEADER = b"gpgsig"
_LINE = re.compile(
    r"""(?P<principals>"[^"]+"|[^\s"]+)\s+(?:(?P<options>(?:[A-Za-z-]+(?:="[^"]*")?)(?:,[A-Za-z-]+(?:="[^"]*")?)*)\s+)?"""
    r"""(?P<kind>(?:ssh|ecdsa|sk)-[a-z0-9@.-]+)\s+(?P<key>[A-Za-z0-9+/]+=*)(?:\s.*)?"""
)
_OPTION = re.compile(r"""([A-Za-z-]+)(?:="([^"]*)")?(?:,|$)""")
_TIME = re.compile(r"(\d{8})(\d{4})?(\d{2})?Z?")


@dataclass(frozen=True, slots=True)
class _Key:
    """One line of allowed signers. The times are seconds since 1970."""

    principals: str
    after: float = float("-inf")
    before: float = float("inf")


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that may sign."""

    ssh: dict[bytes, list[_Key]] = field(default_factory=dict)
    gpg: PublicKeys | None = None

    def of_commit(self, commit: Commit) -> str:
        """Return who has signed a commit. Raises BadSignature, which states why it does not count."""
        payload, signature = _split_commit(commit.as_raw_string())
        try:
            signed = Commit.from_string(payload)
            same, time = (signed.tree, signed.parents) == (commit.tree, commit.parents), signed.commit_time
        except (FileFormatException, ValueError) as error:
            raise BadSignature("what is signed is no commit") from error
        if not same:
            raise BadSignature("what is signed is another commit")
        return self._signer(signature, payload, time)

    def of_tag(self, tag: Tag, name: bytes) -> str:
        """Return who has signed an annotated tag of this name. Raises BadSignature."""
        payload, signature = _split_tag(tag.as_raw_string())
        try:
            signed = Tag.from_string(payload)
            same, time = (signed.object, signed.name) == (tag.object, name), signed.tag_time
        except (FileFormatException, ValueError) as error:
            raise BadSignature("what is signed is no tag") from error
        if not same:
            raise BadSignature(f"what is signed is another tag, {printable(signed.name.decode(errors='replace'))}")
        return self._signer(signature, payload, time)

    def _signer(self, signature: bytes, payload: bytes, time: int | None) -> str:
        if time is None:
            raise BadSignature("it states no time")
        if len(signature) > _MAX_SIGNATURE:
            raise BadSignature("its signature is too large")
        if signature.startswith(_PGP):
            if self.gpg is None:
                raise BadSignature("it is signed with OpenPGP, and git.signers_gpg is not set")
            return self.gpg.signer(signature, payload)
        if not signature.startswith(BEGIN):
            raise BadSignature("its signature is neither of ssh nor of OpenPGP")
        lines = self.ssh.get(signer(signature, payload))
        if lines is None:
            raise BadSignature("it is signed by a key that is not listed")
        for one in lines:
            if one.after <= time < one.before:
                return one.principals
        raise BadSignature("it is signed by a key that was not valid at that time")


class SignerFiles:
    """Reads the files of the operator. A file that has not changed is not parsed again."""

    def __init__(self, ssh: str, gpg: str) -> None:
        self._paths = ssh, gpg
        self._known: tuple[tuple[bytes, bytes], Signers] | None = None

    def read(self) -> Signers:
        """Return who may sign now. Raises SourceError: then nothing counts as signed."""
        names = ("git.signers", "git.signers_gpg")
        ssh, gpg = (_content(name, path) for name, path in zip(names, self._paths, strict=True))
        if self._known is None or self._known[0] != (ssh, gpg):
            self._known = (ssh, gpg), Signers(_allowed(ssh) if self._paths[0] else {}, _public(gpg, self._paths[1]))
        return self._known[1]


def _content(name: str, path: str) -> bytes:
    if not path:
        return b""
    try:
        with Path(path).open("rb") as file:
            found = file.read(_MAX_FILE + 1)
    except OSError as error:
        _refuse(name, f"cannot be read ({error.strerror})")
    if len(found) > _MAX_FILE:
        _refuse(name, f"is larger than {_MAX_FILE} bytes")
    return found


def _public(content: bytes, path: str) -> PublicKeys | None:
    if not path:
        return None
    try:
        from ecsync.sources.openpgp import PublicKeys
    except ImportError:
        _refuse("git.signers_gpg", f"needs the extra ecsync[gpg], which is not installed: {command_for('gpg')}")
    try:
        return PublicKeys(content)
    except BadKey as error:
        _refuse("git.signers_gpg", str(error))


def _allowed(content: bytes) -> dict[bytes, list[_Key]]:
    """Return the keys of a file of allowed signers."""
    found: dict[bytes, list[_Key]] = {}
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        _refuse("git.signers", "is not text in UTF-8")
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                key, listed, for_git = _key(line.strip())
            except (ValueError, BadKey, BadSignature) as error:
                _refuse("git.signers", f"line {number}: {error}")
            if for_git:
                found.setdefault(key, []).append(listed)
    if not found:
        _refuse("git.signers", "lists no key for git")
    return found


def _key(line: str) -> tuple[bytes, _Key, bool]:
    """Return the key of a line, who has it, and whether it may sign for git. Raises ValueError or those of sshsig."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("is not of the form PRINCIPALS [OPTIONS] TYPE KEY")
    options = {name.lower(): value for name, value in _OPTION.findall(match["options"] or "")}
    unknown = options.keys() - {"namespaces", "valid-after", "valid-before"}
    if "cert-authority" in unknown:
        raise ValueError("cert-authority is not supported; list the keys themselves")
    if unknown:
        raise ValueError(f"the option {printable(min(unknown))} is not known")
    key = base64.b64decode(match["key"], validate=True)
    kind = match["kind"].encode()
    if key[4 : 4 + len(kind)] != kind or int.from_bytes(key[:4], "big") != len(kind):
        raise ValueError("the key is not of its type")
    verifier(key)
    namespaces = options.get("namespaces")
    for_git = namespaces is None or NAMESPACE.decode() in [one.strip() for one in namespaces.split(",")]
    times = {name: _time(options[f"valid-{name}"]) for name in ("after", "before") if f"valid-{name}" in options}
    return key, _Key(printable(match["principals"].strip('"')), **times), for_git


def _time(text: str) -> float:
    """Return the seconds since 1970 of a time such as 20261231 or 202612311800Z, in UTC. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{printable(text)} is not a time such as 20261231 or 202612311800Z")
    whole = match[1] + (match[2] or "0000") + (match[3] or "00")
    return datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()


def _split_commit(raw: bytes) -> tuple[bytes, bytes]:
    """Return what is signed of a commit, and its signature. Raises BadSignature for none, and for several.

    As git does: every header that begins with `gpgsig` is not signed, with its continuation lines.
    """
    head, _, message = raw.partition(b"\n\n")
    payload: list[bytes] = []
    signatures: list[list[bytes]] = []
    within = payload
    for line in head.split(b"\n"):
        if not line.startswith(b" "):
            within = payload
            if line.startswith(_HEADER):
                name, _, line = line.partition(b" ")
                within = []
                if name == _HEADER:
                    signatures.append(within)
        elif within is not payload:
            line = line[1:]
        within.append(line)
    if not signatures:
        raise BadSignature("it is not signed")
    if len(signatures) > 1:
        raise BadSignature("it has two signatures")
    return b"\n".join(payload) + b"\n\n" + message, b"\n".join(signatures[0])


def _split_tag(raw: bytes) -> tuple[bytes, bytes]:
    """Return what is signed of a tag, and its signature, which is at its end. Raises BadSignature for none."""
    at = max(raw.rfind(b"\n" + begin) for begin in (BEGIN, _PGP)) + 1
    if not at:
        raise BadSignature("it is not signed")
    return raw[:at], raw[at:]


def _refuse(name: str, problem: str) -> NoReturn:
    raise SourceError(f"{name}: {problem}; until it is right, no commit counts as signed", reason="unsigned")
