"""A git server for the demo: `git_server.py REPOSITORIES CERTIFICATES MANIFESTS` serves deploy.git at port 8443 by TLS.

It takes pushes from everyone, so it is for a demo alone. Repository and certificates are made once and then kept.
"""

from __future__ import annotations

import signal
import ssl
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend, UploadPackHandler
from dulwich.web import make_wsgi_chain

NAMES = ("git", "localhost")  # in the network of compose, and on the host
VALID = timedelta(days=397)
MAIN = Ref(b"refs/heads/main")
AUTHOR = b"The demo <demo@localhost>"


def seed(folder: Path, manifests: Path) -> Repo:
    """Return deploy.git in `folder`; if it is not there, create it with the manifests as the first commit of main."""
    bare = folder / "deploy.git"
    if not bare.exists():
        with TemporaryDirectory(dir=folder) as work:  # an interrupted start leaves nothing under the final name
            new = Path(work, "deploy.git")
            with Repo.init_bare(str(new), mkdir=True) as repo:
                repo.refs.set_symbolic_ref(Ref(b"HEAD"), MAIN)
                repo.refs[MAIN] = _commit(repo, manifests)
            new.rename(bare)
    return Repo(str(bare))


def _commit(repo: Repo, manifests: Path) -> ObjectID:
    """Add the files of a folder as a commit without a parent, and return its id."""
    tree = Tree()
    for file in sorted(manifests.iterdir()):
        blob = Blob.from_string(file.read_bytes())
        repo.object_store.add_object(blob)
        tree.add(file.name.encode(), 0o100644, blob.id)
    repo.object_store.add_object(tree)
    commit = Commit()
    commit.tree, commit.message, commit.encoding = tree.id, b"The quickstart\n", b"UTF-8"
    commit.author = commit.committer = AUTHOR
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    repo.object_store.add_object(commit)
    return commit.id


def certify(folder: Path) -> ssl.SSLContext:
    """Return the server's side of TLS; `ca.pem` in `folder` is what clients trust. Its key is not kept."""
    if not (folder / "server.pem").exists():
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("demo authority", ca_key, "demo authority", ca_key, ca=True)
        server = _certificate("git", key, "demo authority", ca_key, ca=False)
        (folder / "server.key").touch(mode=0o600)
        (folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))  # last: all are there
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    else:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection; the handshake is made there, so a client that sends nothing blocks no other."""

    daemon_threads = True
    repo: Repo

    def server_close(self) -> None:
        """Close the port and the repository."""
        super().server_close()
        self.repo.close()

    def shutdown_request(self, request: Any) -> None:
        """End TLS before the connection: git takes an end without it for a broken answer."""
        with suppress(OSError):
            request.settimeout(5)
            request.unwrap()
        super().shutdown_request(request)


class Handler(WSGIRequestHandler):
    """Logs nothing: a client that polls would fill the log."""

    timeout = 60

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Fetch(UploadPackHandler):
    """Serves clients that want whole packs: dulwich refuses them, because it requires the capability `thin-pack`."""

    @classmethod
    def required_capabilities(cls) -> tuple[bytes, ...]:
        """Require nothing."""
        return ()


def serve(folder: Path, certificates: Path, manifests: Path, *, host: str, port: int) -> Server:
    """Return the server, which does not serve yet."""
    repo = seed(folder, manifests)
    served: dict[str, BackendRepo] = {"/deploy.git": repo}
    application = make_wsgi_chain(DictBackend(served), handlers={b"git-upload-pack": Fetch})
    server: Server = make_server(host, port, application, Server, Handler)
    server.repo = repo
    server.socket = certify(certificates).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder, certificates, manifests = (Path(argument) for argument in sys.argv[1:])
    server = serve(folder, certificates, manifests, host="0.0.0.0", port=8443)  # noqa: S104  # compose publishes it on 127.0.0.1
    print(
        "deploy.git is at https://git:8443/deploy.git, and at https://localhost:8443/deploy.git on the host", flush=True
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
