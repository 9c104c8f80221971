"""Signatures of `ssh-keygen -Y sign` (OpenSSH's PROTOCOL.sshsig): which key made one, of exactly these bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ecsync.sources.git_errors import BadKey, BadSignature

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----"
NAMESPACE = b"git"

_MAGIC = b"SSHSIG"
_VERSION = 1
_MIN_RSA, _MAX_RSA = 2048, 16_384  # bits
_MIN_EXPONENT, _MAX_EXPONENT = 3, 2**32
_USER_PRESENT = 1  # a flag of a security key: it was touched
_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_CURVES: dict[bytes, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    b"nistp256": (ec.SECP256R1(), hashes.SHA256()),
    b"nistp384": (ec.SECP384R1(), hashes.SHA384()),
    b"nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
_RSA: dict[bytes, hashes.HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}

Verify: TypeAlias = Callable[[bytes, bytes, bytes], None]  # (signed bytes, algorithm, rest of the signature)


def signer(armored: bytes, payload: bytes) -> bytes:
    """Return the public key, in ssh's form, that has signed the payload for git. Raises BadSignature."""
    try:
        return _signer(armored, payload)
    except (BadKey, InvalidSignature, ValueError) as error:
        raise BadSignature(str(error) or "it is not of these bytes") from error


def _signer(armored: bytes, payload: bytes) -> bytes:
    fields = _Fields(_unarmored(armored))
    if fields.take(len(_MAGIC)) != _MAGIC or fields.number() != _VERSION:
        raise BadSignature("it is not of a known version")
    key, namespace, reserved, name, signature = (fields.text() for _ in range(5))
    fields.end()
    if namespace != NAMESPACE:
        raise BadSignature("it was not made for git")
    if name not in _HASHES:
        raise BadSignature("its hash is not sha256 or sha512")
    signed = _MAGIC + _packed(namespace, reserved, name, _HASHES[name](payload).digest())
    parts = _Fields(signature)
    verifier(key)(signed, parts.text(), parts.rest())
    return key


def verifier(key: bytes) -> Verify:
    """Return what verifies signatures of a public key in ssh's form. Raises BadKey."""
    try:
        return _verifier(key)
    except ValueError as error:
        raise BadKey(str(error)) from error


def _verifier(key: bytes) -> Verify:
    fields = _Fields(key)
    kind = fields.text()
    verify: Verify
    if kind == b"ssh-ed25519":
        verify = _ed25519(kind, fields.text())
    elif kind == b"ssh-rsa":
        verify = _rsa(fields.integer(), fields.integer())
    elif kind.startswith(b"ecdsa-sha2-"):
        verify = _ecdsa(kind, kind.removeprefix(b"ecdsa-sha2-"), fields)
    elif kind == b"sk-ssh-ed25519@openssh.com":
        verify = _touched(_ed25519(kind, fields.text()), fields.text())
    elif kind == b"sk-ecdsa-sha2-nistp256@openssh.com":
        verify = _touched(_ecdsa(kind, b"nistp256", fields), fields.text())
    else:
        raise BadKey("keys of this type are not supported; use ed25519, ecdsa or rsa")
    fields.end()
    return verify


def _ed25519(kind: bytes, raw: bytes) -> Verify:
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)

    def verify(signed: bytes, algorithm: bytes, rest: bytes) -> None:
        _same(algorithm, kind)
        key.verify(_only(rest), signed)

    return verify


def _ecdsa(kind: bytes, name: bytes, fields: _Fields) -> Verify:
    if name not in _CURVES or fields.text() != name:
        raise BadKey("its curve is not supported")
    curve, digest = _CURVES[name]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, fields.text())

    def verify(signed: bytes, algorithm: bytes, rest: bytes) -> None:
        _same(algorithm, kind)
        numbers = _Fields(_only(rest))
        pair = encode_dss_signature(numbers.integer(), numbers.integer())
        numbers.end()
        key.verify(pair, signed, ec.ECDSA(digest))

    return verify


def _rsa(exponent: int, modulus: int) -> Verify:
    bits = modulus.bit_length()
    if not _MIN_RSA <= bits <= _MAX_RSA or not _MIN_EXPONENT <= exponent < _MAX_EXPONENT:
        raise BadKey(f"an rsa key of {bits} bits is not accepted; use {_MIN_RSA} bits or more, or ed25519")
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    size = (bits + 7) // 8

    def verify(signed: bytes, algorithm: bytes, rest: bytes) -> None:
        if algorithm not in _RSA:
            raise BadSignature("rsa needs rsa-sha2-256 or rsa-sha2-512")
        key.verify(_only(rest).rjust(size, b"\0"), signed, padding.PKCS1v15(), _RSA[algorithm])

    return verify


def _touched(verify: Verify, application: bytes) -> Verify:
    """Return the verifier of a security key, which signs more than the bytes, and must have been touched."""

    def verify_touched(signed: bytes, algorithm: bytes, rest: bytes) -> None:
        fields = _Fields(rest)
        signature, state = fields.text(), fields.take(5)  # one byte of flags, four of a counter
        fields.end()
        if not state[0] & _USER_PRESENT:
            raise BadSignature("the security key was not touched")
        whole = hashlib.sha256(application).digest() + state + hashlib.sha256(signed).digest()
        verify(whole, algorithm, _packed(signature))

    return verify_touched


def _unarmored(armored: bytes) -> bytes:
    text = armored.strip(b"\n")
    if not text.startswith(BEGIN) or not text.endswith(b"\n" + END):
        raise BadSignature("it has no beginning or no end, or something follows it")
    return base64.b64decode(text[len(BEGIN) : -len(END)].replace(b"\n", b""), validate=True)


def _same(algorithm: bytes, kind: bytes) -> None:
    if algorithm != kind:
        raise BadSignature("its algorithm is not that of the key")


def _only(rest: bytes) -> bytes:
    """Return the text that is all of the rest."""
    fields = _Fields(rest)
    found = fields.text()
    fields.end()
    return found


def _packed(*texts: bytes) -> bytes:
    return b"".join(len(one).to_bytes(4, "big") + one for one in texts)


class _Fields:
    """The fields of ssh's wire form, from the first to the last. Raises BadSignature."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        found = self._data[self._at : self._at + size]
        if len(found) != size:
            raise BadSignature("it ends too early")
        self._at += size
        return found

    def number(self) -> int:
        """Return the next number of four bytes."""
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        """Return the next text."""
        return self.take(self.number())

    def integer(self) -> int:
        """Return the next integer, which is not negative."""
        raw = self.text()
        if raw[:1] > b"\x7f":
            raise BadSignature("it has a negative integer")
        return int.from_bytes(raw, "big")

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Check that nothing is left."""
        if self._at != len(self._data):
            raise BadSignature("it has more than its fields")
