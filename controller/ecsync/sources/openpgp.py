"""OpenPGP signatures, as Sequoia verifies them. It is an extra (`ecsync[gpg]`), so this module is imported last."""

from __future__ import annotations

import re

from pysequoia import Cert, Sig, verify
from pysequoia.packet import PacketPile, PublicKeyAlgorithm, SignatureType, Tag

from ecsync.sources.git_errors import BadKey, BadSignature

_KEY = re.compile(rb"-----BEGIN PGP ([A-Z ]+)-----\n.*?\n-----END PGP \1-----", re.DOTALL)
_SIGNATURE = re.compile(rb"-----BEGIN PGP SIGNATURE-----\n[^-]+\n-----END PGP SIGNATURE-----")


class PublicKeys:
    """The OpenPGP keys that may sign."""

    def __init__(self, armored: bytes) -> None:
        """Read armored public keys, one block after another. Raises BadKey."""
        self._certificates: list[Cert] = []
        for block in _KEY.finditer(armored.replace(b"\r\n", b"\n")):
            if block[1] != b"PUBLIC KEY BLOCK":
                raise BadKey("it has a block that is not a public key; list the output of gpg --armor --export alone")
            try:
                self._certificates += Cert.split_bytes(block[0])
            except RuntimeError as error:
                raise BadKey(f"a block is not an OpenPGP key ({_first_line(error)})") from error
        for one in self._certificates:
            if any(part.key_algorithm == PublicKeyAlgorithm.DSA for part in PacketPile.from_bytes(bytes(one))):
                raise BadKey(f"{one.fingerprint} is a DSA key, which is too weak; use ed25519 or rsa")
        if not self._certificates:
            raise BadKey("it has no armored OpenPGP key (gpg --armor --export)")

    def signer(self, armored: bytes, payload: bytes) -> str:
        """Return the fingerprint of the key that has signed the payload. Raises BadSignature."""
        if not _SIGNATURE.fullmatch(armored.strip(b"\n")):
            raise BadSignature("it has no beginning or no end, or something follows it")
        try:
            packets = list(PacketPile.from_bytes(armored))
            if len(packets) != 1 or packets[0].tag != Tag.Signature:
                raise BadSignature("it is not one signature")
            if packets[0].signature_type != SignatureType.Binary:
                raise BadSignature("it is not one of a document")
            found = verify(bytes=payload, store=lambda _: self._certificates, signature=Sig.from_bytes(armored))
        except RuntimeError as error:
            raise BadSignature(
                "it is of no listed key, or not of these bytes, or the key was not valid then"
            ) from error
        if not found.valid_sigs:
            raise BadSignature("it is of no listed key")
        return str(found.valid_sigs[0].certificate)


def _first_line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [""])[0]
