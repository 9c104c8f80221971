"""Real servers of git for tests: `git http-backend` behind TLS, and OpenSSH's sshd."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from getpass import getuser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.whole.support.in_process_daemon import wait_until

TOKEN = "a-token-of-the-tests"  # not a secret
_SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_COMMANDS = bool(_SSHD and shutil.which("ssh") and shutil.which("ssh-keygen"))
needs_sshd = pytest.mark.skipif(not _COMMANDS, reason="a real sshd is tested: needs sshd, ssh and ssh-keygen")
SSH = pytest.param("ssh", marks=needs_sshd)


# ---------------------------------------------------------------- https


@dataclass
class HttpsServer:
    """Repositories of a folder behind TLS. `token` is what a client needs; empty: nothing. `redirect` is a URL."""

    folder: Path
    certificates: Path
    token: str = ""
    redirect: str = ""
    status: int = 0  # of every answer, in place of what git would answer
    answer: Callable[[bytes], bytes] = lambda content: content  # what becomes of the body of each answer to a POST
    announced: bool = False  # whether each answer states its size, as before `answer`
    # Answers to requests below /api, with the headers and the body: status, headers, body.
    api: Callable[[str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]] | None = None
    requests: list[str] = field(default_factory=list)  # method and path
    tokens: list[str] = field(default_factory=list)  # that clients sent
    sent: list[int] = field(default_factory=list)  # bytes of each answer of git
    port: int = 0

    @property
    def ca(self) -> str:
        """The file of the certificate authority."""
        return str(self.certificates / "ca.pem")

    def url(self, name: str = "deploy.git", rest: str = "@main") -> str:
        """Return the address of a repository."""
        return f"git+https://localhost:{self.port}/{name}{rest}"


@contextmanager
def https_server(folder: Path, **more: Any) -> Iterator[HttpsServer]:
    """Serve the repositories of a folder."""
    certificates = folder / "tls"
    certificates.mkdir(exist_ok=True)
    make_certificates(certificates)
    state = HttpsServer(folder, certificates, **more)

    class Handler(_Backend):
        of = state

    server = _Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Ends without a message when a client ends the connection."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Be silent."""


class _Backend(BaseHTTPRequestHandler):
    """Runs `git http-backend` as CGI."""

    of: HttpsServer
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:  # of the base
        """Answer a request for references."""
        self._serve(b"")

    def do_POST(self) -> None:  # of the base
        """Answer a request for objects."""
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, *_: Any) -> None:
        """Be silent."""

    def _serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.of.requests.append(f"{self.command} {path}")
        if self.of.api is not None and path.startswith("/api/"):
            status, more, answered = self.of.api(f"{self.command} {path}", dict(self.headers), body)
            self.send_response_only(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answered)
            return
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        token = base64.b64decode(given).decode().partition(":")[2]
        self.of.tokens += [token] if token else []
        if self.of.redirect:
            self.send_response(302)
            self.send_header("Location", self.of.redirect + self.path)
            self.end_headers()
            return
        if self.of.token and token != self.of.token:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        if self.of.status:
            self.send_response(self.of.status)
            self.end_headers()
            self.wfile.write(b"<html>not git</html>")
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.of.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if line]
        code = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(code.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        if self.of.announced:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.of.sent.append(len(content))
        self.wfile.write(self.of.answer(content) if self.command == "POST" else content)


def make_certificates(folder: Path) -> None:
    """Make a certificate authority, and a certificate of `localhost` by it."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def begun(subject: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            # Python 3.13 refuses a certificate that does not name the key of its authority.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )

    ca_usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    ca = (
        begun(ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(ca_usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    own = begun(name, key).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(own.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


# ---------------------------------------------------------------- ssh


@dataclass
class SshServer:
    """An sshd for this user with one key, and the files of a client."""

    folder: Path
    port: int

    @property
    def key(self) -> str:
        """The file of the client's key."""
        return str(self.folder / "client")

    @property
    def known_hosts(self) -> str:
        """The file with the key of the host."""
        return str(self.folder / "known_hosts")

    def url(self, repository: Path, rest: str = "@main") -> str:
        """Return the address of a repository."""
        return f"git+ssh://{getuser()}@localhost:{self.port}{repository}{rest}"


@contextmanager
def ssh_server(folder: Path, *, accepted: str = "GIT_PROTOCOL") -> Iterator[SshServer]:
    """Run an sshd. Its key is made anew each time. `accepted` is the variable that it takes from a client."""
    assert _SSHD
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "client"):
        (folder / name).unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_bytes((folder / "client.pub").read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[localhost]:{port} {host_key}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "AcceptEnv": accepted,
        "LogLevel": "ERROR",
    }
    arguments = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    process = subprocess.Popen([_SSHD, "-D", "-e", "-f", os.devnull, *arguments], stderr=subprocess.PIPE)
    try:
        _wait(port, process)
        yield SshServer(folder, port)
    finally:
        process.terminate()
        process.communicate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a port can be reached."""

    def is_open() -> bool:
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(is_open)
