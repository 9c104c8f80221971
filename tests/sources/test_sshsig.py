"""Signatures of ssh: those of ssh-keygen are verified, and no other bytes, key, namespace or algorithm."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecsync.sources.git_errors import BadKey, BadSignature
from ecsync.sources.sshsig import signer, verifier
from tests.git.signing import MadeKey, SshKey, armored, blob, needs_ssh_keygen, packed, to_sign

PAYLOAD = b"tree 1\n\na commit\n"
SK = b"sk-ssh-ed25519@openssh.com"


def refused(signature: bytes, payload: bytes = PAYLOAD) -> str:
    """Return why a signature does not count."""
    with pytest.raises(BadSignature) as error:
        signer(signature, payload)
    return str(error.value)


def integer(number: int) -> bytes:
    """Return an integer in ssh's form."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("kind", "bits"), [("ed25519", 0), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048)]
)
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_what_ssh_keygen_signs_is_of_its_key_and_of_these_bytes(
    kind: str, bits: int, digest: str, tmp_path: Path
) -> None:
    """Of each type of key."""
    key = SshKey.create(tmp_path, "key", kind, bits)
    signature = key.sign(PAYLOAD, digest=digest)
    assert signer(signature, PAYLOAD) == key.blob
    assert refused(signature, PAYLOAD + b" ") == "it is not of these bytes"


@needs_ssh_keygen
def test_a_signature_for_another_purpose_is_refused(tmp_path: Path) -> None:
    """A file that the same person has signed."""
    assert refused(SshKey.create(tmp_path).sign(PAYLOAD, namespace="file")) == "it was not made for git"


class TestForgeries:
    """Nothing but a whole and right signature counts."""

    def test_a_signature_that_is_cut_or_changed_anywhere_is_refused(self) -> None:
        key = MadeKey.create()
        whole = blob(key.blob, packed(b"ssh-ed25519", key.private.sign(to_sign(PAYLOAD))))
        assert signer(armored(whole), PAYLOAD) == key.blob
        for at in range(len(whole)):
            refused(armored(whole[:at]))
            changed = bytearray(whole)
            changed[at] ^= 1
            refused(armored(bytes(changed)))

    @pytest.mark.parametrize(
        "change",
        [
            lambda one: one + b"x",
            lambda one: b"x" + one,
            lambda one: one + one,
            lambda one: one.replace(b"END SSH", b"END PGP"),
            lambda one: one.replace(b"\n-----END", b"!\n-----END"),
            lambda _: b"",
        ],
        ids=["text after it", "text before it", "two", "another end", "not base64", "nothing"],
    )
    def test_a_text_that_is_more_than_a_signature_is_refused(self, change: object) -> None:
        refused(change(MadeKey.create().sign(PAYLOAD)))  # type: ignore[operator]

    def test_bytes_after_the_fields_are_refused(self) -> None:
        key = MadeKey.create()
        signature = packed(b"ssh-ed25519", key.private.sign(to_sign(PAYLOAD)))
        for forged in (
            blob(key.blob, signature) + b"\0",
            blob(key.blob, signature + b"\0"),
            blob(key.blob + b"\0", signature),
        ):
            assert refused(armored(forged)) == "it has more than its fields"

    def test_another_version_hash_or_algorithm_is_refused(self) -> None:
        key = MadeKey.create()
        signature = packed(b"ssh-ed25519", key.private.sign(to_sign(PAYLOAD)))
        assert refused(armored(blob(key.blob, signature, version=2))) == "it is not of a known version"
        sha1 = packed(b"ssh-ed25519", key.private.sign(to_sign(PAYLOAD, digest="sha1")))
        assert refused(armored(blob(key.blob, sha1, digest=b"sha1"))) == "its hash is not sha256 or sha512"
        other = packed(b"rsa-sha2-512", key.private.sign(to_sign(PAYLOAD)))
        assert refused(armored(blob(key.blob, other))) == "its algorithm is not that of the key"

    def test_rsa_with_sha1_is_refused(self) -> None:
        """What `ssh-rsa` means as an algorithm."""
        key = rsa.generate_private_key(65_537, 2048)
        numbers = key.public_key().public_numbers()
        public = packed(b"ssh-rsa", integer(numbers.e), integer(numbers.n))
        signed = key.sign(to_sign(PAYLOAD), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # that it is refused
        assert refused(armored(blob(public, packed(b"ssh-rsa", signed)))) == "rsa needs rsa-sha2-256 or rsa-sha2-512"

    def test_weak_and_strange_keys_are_refused(self) -> None:
        """As a listed key, and in a signature."""
        numbers = dsa.generate_private_key(1024).public_key().public_numbers()  # noqa: S505  # that it is refused
        group = numbers.parameter_numbers
        small = rsa.generate_private_key(65_537, 1024).public_key().public_numbers()  # noqa: S505
        for key, text in (
            (packed(b"ssh-dss", *map(integer, (group.p, group.q, group.g, numbers.y))), "are not supported"),
            (packed(b"ssh-rsa", integer(small.e), integer(small.n)), "1024 bits is not accepted"),
            (packed(b"ssh-rsa", integer(1), integer(2**2048 + 1)), "is not accepted"),
            (packed(b"ssh-ed25519-cert-v01@openssh.com", bytes(32)), "are not supported"),
            (packed(b"ecdsa-sha2-nistp256", b"nistp384", bytes(65)), "curve"),
            (packed(b"ecdsa-sha2-nistp256", b"nistp256", b"\x04" + bytes(64)), ""),
            (packed(b"ssh-ed25519", bytes(31)), ""),
        ):
            with pytest.raises(BadKey) as error:
                verifier(key)
            assert text in str(error.value)
            assert text in refused(armored(blob(key, packed(b"x", b"y"))))

    @pytest.mark.parametrize(("flags", "counts"), [(1, True), (5, True), (0, False), (4, False)])
    def test_a_security_key_must_have_been_touched(self, flags: int, counts: bool) -> None:
        """It signs its flags and a counter too."""
        private = Ed25519PrivateKey.generate()
        key = packed(SK, private.public_key().public_bytes_raw(), b"ssh:")
        state = bytes([flags]) + (7).to_bytes(4, "big")
        signed = hashlib.sha256(b"ssh:").digest() + state + hashlib.sha256(to_sign(PAYLOAD)).digest()
        signature = armored(blob(key, packed(SK, private.sign(signed)) + state))
        if counts:
            assert signer(signature, PAYLOAD) == key
        else:
            assert refused(signature) == "the security key was not touched"
        other = armored(blob(key, packed(SK, private.sign(signed)) + bytes([1]) + bytes(4)))
        assert refused(other) == "it is not of these bytes"
