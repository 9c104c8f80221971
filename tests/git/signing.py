"""Keys that sign commits: made with ssh-keygen and gpg, and signatures that are made without them."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

needs_ssh_keygen = pytest.mark.skipif(
    not shutil.which("ssh-keygen"),
    reason="ssh-keygen makes the real signatures that are verified, and it is not installed",
)


@dataclass(frozen=True)
class SshKey:
    """A key of ssh-keygen."""

    path: Path

    @classmethod
    def create(cls, folder: Path, name: str = "ada", kind: str = "ed25519", bits: int = 0) -> SshKey:
        """Make a key."""
        size = ["-b", str(bits)] if bits else []
        command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return cls(folder / name)

    @property
    def public(self) -> str:
        """The type and the key."""
        return " ".join(self.path.with_name(f"{self.path.name}.pub").read_text().split()[:2])

    @property
    def blob(self) -> bytes:
        """The public key in ssh's form."""
        return base64.b64decode(self.public.split()[1])

    @property
    def settings(self) -> list[str]:
        """The settings of git that sign with it."""
        return ["-c", "gpg.format=ssh", "-c", f"user.signingkey={self.path}"]

    def listed(self, options: str = "") -> str:
        """Return the line of allowed signers."""
        return f"{self.path.name}@example.com {options + ' ' if options else ''}{self.public}\n"

    def sign(self, payload: bytes, namespace: str = "git", digest: str = "sha512") -> bytes:
        """Return ssh-keygen's signature."""
        command = ["ssh-keygen", "-q", "-Y", "sign", "-O", f"hashalg={digest}", "-n", namespace, "-f", str(self.path)]
        return subprocess.run(command, input=payload, capture_output=True, check=True).stdout


@dataclass(frozen=True)
class MadeKey:
    """An ed25519 key that signs without a program: anything, right or wrong."""

    private: Ed25519PrivateKey

    @classmethod
    def create(cls) -> MadeKey:
        """Make a key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def blob(self) -> bytes:
        """The public key in ssh's form."""
        return packed(b"ssh-ed25519", self.private.public_key().public_bytes_raw())

    def listed(self, options: str = "") -> str:
        """Return the line of allowed signers."""
        return f"ada@example.com {options} ssh-ed25519 {base64.b64encode(self.blob).decode()}\n"

    def sign(self, payload: bytes) -> bytes:
        """Return a signature as ssh-keygen makes it."""
        signature = self.private.sign(to_sign(payload))
        return armored(blob(self.blob, packed(b"ssh-ed25519", signature)))


def packed(*texts: bytes) -> bytes:
    """Return texts in ssh's wire form."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in texts)


def to_sign(payload: bytes, namespace: bytes = b"git", digest: str = "sha512") -> bytes:
    """Return what a key signs."""
    return b"SSHSIG" + packed(namespace, b"", digest.encode(), hashlib.new(digest, payload).digest())


def blob(key: bytes, signature: bytes, namespace: bytes = b"git", digest: bytes = b"sha512", version: int = 1) -> bytes:
    """Return a signature in binary form."""
    return b"SSHSIG" + version.to_bytes(4, "big") + packed(key, namespace, b"", digest, signature)


def armored(binary: bytes) -> bytes:
    """Return a signature as text."""
    text = base64.b64encode(binary)
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])


@dataclass(frozen=True)
class Gpg:
    """A home of gpg."""

    home: Path

    def close(self) -> None:
        """End the agent that gpg has started."""
        environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(self.home)}
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=False)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run gpg and return its output."""
        command = ["gpg", "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback", *arguments]
        environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(self.home)}
        return subprocess.run(command, input=given, capture_output=True, check=True, env=environment).stdout

    def create(self, name: str, kind: str = "ed25519") -> str:
        """Make a key and return its address."""
        self.run("--quick-gen-key", f"{name} <{name}@example.com>", kind, "sign", "never")
        return f"{name}@example.com"
