"""The demo with Docker Compose: its file, its git server, and the mounts that it names."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from deploy.compose import breaker, git_server
from ecsync.engine import convergence
from ecsync.sources import git_url
from ecsync.sources.git import GitSource
from ecsync.sources.git_remote import Access

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
QUICKSTART = ROOT / "manifests" / "quickstart"
# Files of other folders that these services mount.
MOUNTED = {"../../manifests/quickstart", "../prometheus", "../grafana/provisioning", "../grafana/dashboards"}


def test_the_file_is_valid_by_the_specification_of_compose() -> None:
    """Its JSON schema refuses unknown keys."""
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)
    wrong = {**COMPOSE, "services": {**SERVICES, "aws": {**SERVICES["aws"], "read_onyl": True}}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_few_rights_and_is_reachable_from_this_machine_alone(name: str) -> None:
    """No capability, a read-only root, and ports of the loopback interface."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port) for port in service.get("ports", []))


def test_images_of_others_are_pinned_and_ours_are_stages_of_the_dockerfile() -> None:
    """By the tag of a version."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    for service in SERVICES.values():
        if build := service.get("build"):
            assert f" AS {build['target']}\n" in dockerfile
            assert (FOLDER / build["context"]).resolve() == ROOT
        else:
            assert re.fullmatch(r"docker\.io/[\w/]+:v?\d+\.\d+\.\d+", service["image"])


def test_everything_that_is_mounted_is_there() -> None:
    """Files beside compose.yaml, and the folders that other parts of the project make."""
    binds = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    }
    beside = {place for place in binds if place.startswith("./")}
    assert binds - beside == MOUNTED
    assert [place for place in binds if not (FOLDER / place).exists()] == []
    (rules,) = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["rule_files"]
    assert (ROOT / "deploy" / "prometheus" / Path(rules).name).is_file()
    volumes = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert volumes == set(COMPOSE["volumes"])


def test_the_readme_names_each_service_port_and_file() -> None:
    """What is published, where, and how to change it."""
    text = (FOLDER / "README.md").read_text()
    for service in SERVICES.values():
        for port in service.get("ports", []):
            variable, default = re.findall(r"\$\{(\w+):-(\d+)\}", port)[0]
            assert f"`{variable}`" in text
            assert f"localhost:{default}" in text
    for place in re.findall(r"\]\((\.\./[^)#]+)", text):
        assert (FOLDER / place).exists(), place


def test_the_breaker_makes_no_change_that_ecsync_would_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value comes again only when the controller has forgotten it: after more values than it remembers."""
    made: list[tuple[str, object]] = []

    class Client:
        def update_service(self, **params: Any) -> None:
            made.append(("tasks", params["desiredCount"]))

        def modify_target_group(self, **params: Any) -> None:
            made.append(("path", params["HealthCheckPath"]))

        def describe_target_groups(self, **_: Any) -> dict[str, Any]:
            return {"TargetGroups": [{"TargetGroupArn": "arn", "HealthCheckPath": "/"}]}

    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("boto3.client", lambda *_, **__: Client())
    for change in islice(breaker.changes(0), 60):
        change.make()
    declared = yaml.safe_load((QUICKSTART / "service.yaml").read_text())["resources"]["Service/web"]["desiredCount"]
    for kind in ("tasks", "path"):
        values = [value for name, value in made if name == kind]
        assert len(values) == 30
        assert declared not in values
        for start in range(len(values) - convergence._MOST):
            window = values[start : start + convergence._MOST + 1]
            assert len(set(window)) == len(window)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[git_server.Server, Path]]:
    """Yield a running git server, and the folder of its certificates."""
    for name in ("repositories", "tls"):
        (tmp_path / name).mkdir()
    made = git_server.serve(tmp_path / "repositories", tmp_path / "tls", QUICKSTART, host="127.0.0.1", port=0)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made, tmp_path / "tls"
    finally:
        made.shutdown()
        made.server_close()
        thread.join(timeout=5)


def test_the_controller_reads_the_quickstart_and_then_what_was_pushed(
    server: tuple[git_server.Server, Path], tmp_path: Path
) -> None:
    """Git pushes over TLS; the second read fetches what is new alone."""
    running, tls = server
    ca, repository = str(tls / "ca.pem"), f"https://localhost:{running.server_address[1]}/deploy.git"
    source = GitSource(git_url.parse(f"git+{repository}@main"), Access(ca_file=ca))
    first = source.fetch()
    assert first.files == {file.name: file.read_bytes() for file in QUICKSTART.iterdir()}

    work = tmp_path / "work"
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_SSL_CAINFO": ca, "HOME": str(tmp_path)}
    subprocess.run(["git", "clone", "-q", repository, work], env=environment, check=True)
    (work / "service.yaml").write_text((work / "service.yaml").read_text().replace("hello", "hi"))
    git = ["git", "-C", str(work), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "commit", "-qam", "Another greeting"], env=environment, check=True)
    subprocess.run([*git, "push", "-q"], env=environment, check=True)
    second = source.fetch()
    assert second.revision != first.revision
    assert b"GREETING: hi" in second.files["service.yaml"]


def test_the_certificate_is_one_that_newer_pythons_take(server: tuple[git_server.Server, Path]) -> None:
    """Python 3.13 checks strictly by default."""
    running, tls = server
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("localhost", running.server_address[1]), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secured,
    ):
        assert secured.version() == "TLSv1.3"


def test_the_key_of_the_server_is_its_own(server: tuple[git_server.Server, Path]) -> None:
    """The controller sees the same folder, and must not read it."""
    _, tls = server
    assert (tls / "server.key").stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tls.iterdir()} == {"ca.pem", "server.pem", "server.key"}


def test_a_second_start_keeps_repository_and_certificates(
    server: tuple[git_server.Server, Path], tmp_path: Path
) -> None:
    """A new authority or another first commit would stop the controller."""
    _, tls = server
    before = {file.name: file.read_bytes() for file in tls.iterdir()}
    again = git_server.serve(tmp_path / "repositories", tls, QUICKSTART, host="127.0.0.1", port=0)
    again.server_close()
    assert {file.name: file.read_bytes() for file in tls.iterdir()} == before
