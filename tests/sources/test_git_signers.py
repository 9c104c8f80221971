"""Who may sign, by the operator's files, and what of a commit or tag is signed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulwich.objects import Commit, Tag

from ecsync.core.ports import SourceError
from ecsync.sources.git_errors import BadSignature
from ecsync.sources.git_signers import SignerFiles, Signers
from tests.git.signing import Gpg, MadeKey, SshKey, needs_ssh_keygen

TIME = 1_780_000_000  # 2026-05-28
TREE, OTHER = b"a" * 40, b"b" * 40
HEAD = b"tree %s\nparent %s\nauthor Ada <a@b> %d +0000\ncommitter Ada <a@b> %d +0000\n" % (TREE, OTHER, TIME, TIME)
MESSAGE = b"\na change\n"


def signers(tmp_path: Path, text: str, gpg: bytes | None = None) -> Signers:
    """Return who may sign by files with these contents."""
    (tmp_path / "signers").write_text(text)
    (tmp_path / "gpg").write_bytes(gpg or b"")
    files = SignerFiles(str(tmp_path / "signers") if text else "", "" if gpg is None else str(tmp_path / "gpg"))
    return files.read()


def header(signature: bytes, name: bytes = b"gpgsig") -> bytes:
    """Return a signature as a header of a commit."""
    return name + b" " + signature.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n"


def refused(who: Signers, raw: bytes) -> str:
    """Return why a commit does not count."""
    with pytest.raises(BadSignature) as error:
        who.of_commit(Commit.from_string(raw))
    return str(error.value)


class TestCommits:
    """A commit counts if one listed key has signed all of it."""

    def test_a_signed_commit_is_of_the_person_in_the_list(self, tmp_path: Path) -> None:
        key = MadeKey.create()
        who = signers(tmp_path, "# who\n\n" + MadeKey.create().listed() + key.listed('namespaces="file,git"'))
        signed = HEAD + header(key.sign(HEAD + MESSAGE)) + MESSAGE
        assert who.of_commit(Commit.from_string(signed)) == "ada@example.com"

    def test_headers_after_the_signature_are_signed_too(self, tmp_path: Path) -> None:
        key = MadeKey.create()
        who, rest = signers(tmp_path, key.listed()), b"encoding latin-1\n"
        signature = header(key.sign(HEAD + rest + MESSAGE))
        assert who.of_commit(Commit.from_string(HEAD + signature + rest + MESSAGE))
        assert refused(who, HEAD + signature + MESSAGE) == "it is not of these bytes"
        other_hash = header(b"whatever\nit is\n", b"gpgsig-sha256")
        assert who.of_commit(Commit.from_string(HEAD + other_hash + signature + rest + MESSAGE))

    def test_a_forged_commit_does_not_count(self, tmp_path: Path) -> None:
        key = MadeKey.create()
        who = signers(tmp_path, key.listed())
        signature = key.sign(HEAD + MESSAGE)
        assert refused(who, HEAD + MESSAGE) == "it is not signed"
        assert refused(who, HEAD + MESSAGE + b"\n" + header(signature)) == "it is not signed"
        two = header(MadeKey.create().sign(HEAD + MESSAGE)) + header(signature)
        assert refused(who, HEAD + two + MESSAGE) == "it has two signatures"
        assert refused(who, HEAD.replace(TREE, OTHER) + header(signature) + MESSAGE) == "it is not of these bytes"
        assert refused(who, HEAD + header(signature, b"gpgsig-sha256") + MESSAGE) == "it is not signed"
        assert refused(who, HEAD + header(signature + b"\n" * 9 + b"x") + MESSAGE).endswith("something follows it")
        assert refused(who, HEAD + header(signature.replace(b"\n", b"\n" + b"\n" * 20_000, 1)) + MESSAGE) == (
            "its signature is too large"
        )
        assert refused(who, HEAD + header(b"-----BEGIN SIGNED MESSAGE-----\n") + MESSAGE).startswith("its signature is")
        stranger = header(MadeKey.create().sign(HEAD + MESSAGE))
        assert refused(who, HEAD + stranger + MESSAGE) == "it is signed by a key that is not listed"

    def test_the_signature_of_a_merged_tag_is_not_that_of_the_commit(self, tmp_path: Path) -> None:
        key = MadeKey.create()
        tag = b"object %s\ntype commit\ntag v1\ntagger Ada <a@b> %d +0000\n\nv1\n" % (OTHER, TIME)
        merged = header(tag + key.sign(tag), b"mergetag")
        who = signers(tmp_path, key.listed())
        assert refused(who, HEAD + merged + MESSAGE) == "it is not signed"
        signed = HEAD + merged + header(key.sign(HEAD + merged + MESSAGE)) + MESSAGE
        assert who.of_commit(Commit.from_string(signed))

    def test_a_header_that_is_not_signed_cannot_hide_another_tree(self, tmp_path: Path) -> None:
        """Every way to add a header that git leaves out of what is signed."""
        key = MadeKey.create()
        who = signers(tmp_path, key.listed())
        signature = header(key.sign(HEAD + MESSAGE))
        for hidden in (b"gpgsig-x y\n tree %s\n", b"gpgsigtree %s\n", b"gpgsig-sha256 x\n tree %s\n parent %s\n"):
            raw = HEAD + hidden.replace(b"%s", OTHER) + signature + MESSAGE
            commit = Commit.from_string(raw)
            who.of_commit(commit)
            assert (commit.tree, commit.parents) == (TREE, [OTHER])

    @pytest.mark.parametrize(
        ("options", "counts"),
        [
            ('valid-before="20260529"', True),
            ('valid-before="20260528"', False),
            ('valid-after="20260528"', True),
            ('valid-after="202605282100"', False),
            ('valid-after="20260101000000Z",valid-before="20270101Z"', True),
        ],
    )
    def test_a_key_counts_in_its_time(self, options: str, counts: bool, tmp_path: Path) -> None:
        """At the time that the commit states, as git does: what was applied stays signed."""
        key = MadeKey.create()
        who, raw = signers(tmp_path, key.listed(options)), HEAD + header(key.sign(HEAD + MESSAGE)) + MESSAGE
        if counts:
            assert who.of_commit(Commit.from_string(raw))
        else:
            assert refused(who, raw) == "it is signed by a key that was not valid at that time"


class TestTags:
    """An annotated tag counts under its own name."""

    def test_a_signed_tag_counts_as_what_it_is(self, tmp_path: Path) -> None:
        key = MadeKey.create()
        who = signers(tmp_path, key.listed())
        payload = b"object %s\ntype commit\ntag v1\ntagger Ada <a@b> %d +0000\n\nv1\n" % (OTHER, TIME)
        tag = Tag.from_string(payload + key.sign(payload))
        assert who.of_tag(tag, b"v1") == "ada@example.com"
        for forged, name, text in (
            (payload + key.sign(payload), b"prod", "another tag, v1"),
            (payload, b"v1", "not signed"),
            (payload.replace(OTHER, TREE) + key.sign(payload), b"v1", "not of these bytes"),
            (payload + key.sign(payload) + b"more\n", b"v1", "something follows"),
        ):
            with pytest.raises(BadSignature, match=text):
                who.of_tag(Tag.from_string(forged), name)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "lists no key for git"),
        ("# only a comment", "lists no key for git"),
        ("ada@example.com", "line 1: is not of the form"),
        ("ada@example.com cert-authority KEY", "line 1: cert-authority is not supported"),
        ('ada@example.com namespaces="file" KEY', "lists no key for git"),
        ("ada@example.com namespaces=git KEY", "is not of the form"),
        ('ada@example.com valid-after="tomorrow" KEY', "tomorrow is not a time"),
        ('ada@example.com valid-after="20261399" KEY', "line 1: "),
        ("ada@example.com no-touch-required KEY", "the option no-touch-required is not known"),
        ("ada@example.com ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA", "not of its type"),
        ("ada@example.com ssh-ed25519 AAAA", "not of its type"),
        ("ada@example.com ssh-dss AAAAB3NzaC1kc3MAAAA=", "line 1: "),
    ],
)
def test_a_line_that_is_not_understood_refuses_the_file(line: str, text: str, tmp_path: Path) -> None:
    """Then nothing counts as signed: a key that was meant to be limited is not taken without its limits."""
    with pytest.raises(SourceError, match=text) as error:
        signers(tmp_path, line.replace("KEY", MadeKey.create().listed().split(maxsplit=1)[1]) or "\n")
    assert error.value.reason == "unsigned"


def test_a_file_that_cannot_be_read_means_that_nothing_is_signed(tmp_path: Path) -> None:
    """It is read each time, so the next one that can be read counts."""
    files = SignerFiles(str(tmp_path / "signers"), "")
    with pytest.raises(SourceError, match=r"git\.signers: cannot be read") as error:
        files.read()
    assert error.value.reason == "unsigned"
    (tmp_path / "signers").write_text(MadeKey.create().listed())
    assert files.read() is files.read()


@needs_ssh_keygen
def test_ssh_keygen_understands_the_same_file(tmp_path: Path) -> None:
    """A key of ssh-keygen, with its comment."""
    key = SshKey.create(tmp_path)
    raw = HEAD + header(key.sign(HEAD + MESSAGE)) + MESSAGE
    who = signers(tmp_path, f'"ada@example.com,*@b" {key.public} Ada from the office\n')
    assert who.of_commit(Commit.from_string(raw)) == "ada@example.com,*@b"


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    """A home of gpg with keys of ada (ed25519), rsa, weak (rsa of 1024 bits) and eve."""
    pytest.importorskip("pysequoia", reason="the extra gpg is not installed")
    if not shutil.which("gpg"):
        pytest.skip("gpg makes the real signatures that are verified, and it is not installed")
    made = Gpg(tmp_path_factory.mktemp("gpg"))
    for name, kind in (
        ("ada", "ed25519"),
        ("rsa", "rsa2048"),
        ("weak", "rsa1024"),
        ("eve", "ed25519"),
        ("d", "dsa2048"),
    ):
        made.create(name, kind)
    yield made
    made.close()


class TestOpenPgp:
    """What gpg signs, with the public keys that the operator lists."""

    def test_a_commit_that_a_listed_key_has_signed_counts(self, gpg: Gpg, tmp_path: Path) -> None:
        listed = gpg.run("--armor", "--export", "ada", "weak") + b"\n" + gpg.run("--armor", "--export", "rsa")
        who = signers(tmp_path, "", listed)

        def signed(by: str, *more: str, payload: bytes = HEAD + MESSAGE) -> bytes:
            return HEAD + header(gpg.run("--armor", "--detach-sign", "-u", by, *more, given=payload)) + MESSAGE

        assert who.of_commit(Commit.from_string(signed("ada")))
        assert who.of_commit(Commit.from_string(signed("rsa")))
        for forged in (
            signed("eve"),
            signed("weak"),
            signed("rsa", "--digest-algo", "SHA1"),
            signed("ada", payload=HEAD + b"\nanother\n"),
            signed("ada", "--textmode"),
        ):
            refused(who, forged)
        one = gpg.run("--armor", "--detach-sign", "-u", "ada", given=HEAD + MESSAGE)
        for forged in (one + one, one + b"x", one[:100] + b"\n" + one[-30:], b"-----BEGIN PGP SIGNATURE-----\n"):
            refused(who, HEAD + header(forged) + MESSAGE)
        ssh_alone = signers(tmp_path, MadeKey.create().listed())
        assert refused(ssh_alone, signed("ada")) == "it is signed with OpenPGP, and git.signers_gpg is not set"

    def test_a_key_counts_in_its_time(self, gpg: Gpg, tmp_path: Path) -> None:
        """At the time of the signature: what was signed before the key's end stays signed, and nothing after it."""
        then = ("--faked-system-time", "20260501T000000!")
        gpg.run(*then, "--quick-gen-key", "past <past@example.com>", "ed25519", "sign", "1d")
        listed = gpg.run("--armor", "--export", "past")
        in_time = gpg.run(*then, "--armor", "--detach-sign", "-u", "past", given=HEAD + MESSAGE)
        from ecsync.sources.openpgp import PublicKeys

        fingerprint = PublicKeys(listed).signer(in_time, HEAD + MESSAGE)
        gpg.run("--quick-set-expire", fingerprint, "10y")
        late = gpg.run("--armor", "--detach-sign", "-u", "past", given=HEAD + MESSAGE)
        who = signers(tmp_path, "", listed)
        assert who.of_commit(Commit.from_string(HEAD + header(in_time) + MESSAGE)) == fingerprint
        refused(who, HEAD + header(late) + MESSAGE)
        extended = signers(tmp_path, "", gpg.run("--armor", "--export", "past"))
        assert extended.of_commit(Commit.from_string(HEAD + header(late) + MESSAGE)) == fingerprint

    def test_keys_that_are_weak_private_or_none_refuse_the_file(self, gpg: Gpg, tmp_path: Path) -> None:
        for content, text in (
            (gpg.run("--armor", "--export", "d"), "DSA"),
            (gpg.run("--armor", "--export-secret-keys", "ada"), "not a public key"),
            (b"", "has no armored OpenPGP key"),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n-----END PGP PUBLIC KEY BLOCK-----", "not an OpenPGP key"),
        ):
            with pytest.raises(SourceError, match=text) as error:
                signers(tmp_path, "", content)
            assert error.value.reason == "unsigned"


def test_without_the_extra_openpgp_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what to install."""
    monkeypatch.setitem(sys.modules, "ecsync.sources.openpgp", None)
    with pytest.raises(SourceError, match=r"needs the extra ecsync\[gpg\]"):
        signers(tmp_path, "", b"x")
