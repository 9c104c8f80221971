"""A push to git is the deployment: of what changed, and of nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.git.repository import Repository, git
from tests.git.servers import SSH, TOKEN, https_server, ssh_server
from tests.git.signing import SshKey, needs_ssh_keygen
from tests.whole.publishing.test_webhook import HOUR, SECRET, post
from tests.whole.support import in_process_daemon
from tests.whole.support.environment import Controller, operations
from tests.whole.support.in_process_daemon import RunningDaemon, wait_until

FOLDER = "#subdirectory=env/prod"


@pytest.fixture
def repository(converged: Controller, tmp_path: Path) -> Repository:
    """The manifests of the converged quickstart as env/prod, beside others."""
    made = Repository.create(tmp_path / "git")
    for folder in ("env/prod", "env/test"):
        shutil.copytree(converged.environment.manifests, made.work / folder)
    made.commit({}, "the quickstart")
    return made


def tmp_file(repository: Repository, name: str, content: str) -> str:
    """Write a file beside the repository, and return its path."""
    path = repository.bare.parent / name
    path.write_text(content)
    return str(path)


def token_of(repository: Repository) -> Path:
    """Return the file of the token."""
    return repository.bare.parent / "token"


@contextmanager
def served(how: str, repository: Repository) -> Iterator[tuple[str, dict[str, Any]]]:
    """Serve the repository, and yield the address of env/prod and the settings to read it."""
    if how == "https":
        token_of(repository).write_text(TOKEN)
        with https_server(repository.bare.parent, token=TOKEN) as server:
            yield server.url(rest=f"@main{FOLDER}"), {"ca_file": server.ca, "token_file": str(token_of(repository))}
    else:
        with ssh_server(repository.bare.parent / "ssh") as ssh:
            settings = {"ssh_key": ssh.key, "known_hosts": ssh.known_hosts}
            yield ssh.url(repository.bare, f"@main{FOLDER}"), settings


@contextmanager
def daemon_of(how: str, repository: Repository, converged: Controller) -> Iterator[RunningDaemon]:
    """Run a daemon on the repository."""
    with (
        served(how, repository) as (where, settings),
        in_process_daemon.run(converged.environment, where, git=settings, lease="none") as daemon,
    ):
        wait_until(daemon.is_converged)
        yield daemon


def change(repository: Repository, old: str, new: str, folder: str = "env/prod") -> str:
    """Replace a text in the application's file, push, and return the id of the commit."""
    path = repository.work / folder / "application.yaml"
    text = path.read_text()
    assert old in text
    return repository.commit({f"{folder}/application.yaml": text.replace(old, new)}, f"{new} for {folder}")


@pytest.mark.parametrize("how", ["https", SSH])
def test_a_push_of_an_image_deploys_one_service_and_names_the_commit(
    how: str, repository: Repository, converged: Controller
) -> None:
    """In the ledger, event, metrics and status, with its lead time. A push to another folder deploys nothing."""
    environment = converged.environment
    with daemon_of(how, repository, converged) as daemon:
        before = len(environment.simulator.ledger)
        sha = change(repository, "nginx:1.27", "nginx:1.28")
        wait_until(lambda: daemon.running.store.application("quickstart").revision == sha[:12])  # type: ignore[union-attr]
        wait_until(lambda: environment.service()["taskDefinition"].endswith(":2") and daemon.is_converged())
        assert operations(environment.simulator.ledger.mutations(before)) == [
            "ecs.RegisterTaskDefinition",
            "ecs.UpdateService",
        ]
        (updated,) = daemon.running.store.events(of_type="source.updated", limit=1)
        assert updated.detail["commit"] == sha
        assert updated.message.endswith("nginx:1.28 for env/prod (Ada)")
        assert daemon.metric("ecsync_source_info", source="git", name="", revision=sha[:12]) == 1.0
        source = daemon.get("/api/v1/applications")[1]["source"]
        assert (source["about"]["commit"], source["about"]["author"]) == (sha, "Ada")
        wait_until(lambda: daemon.metric("ecsync_lead_time_seconds_count") == 1)
        assert daemon.metric("ecsync_deployments_total", app="quickstart", outcome="completed") == 1
        other = change(repository, "nginx:1.27", "nginx:1.29", "env/test")
        wait_until(lambda: daemon.running.store.application("quickstart").revision == other[:12])  # type: ignore[union-attr]
        daemon.wait_for_passes()
        assert len(operations(environment.simulator.ledger.mutations(before))) == 2
        assert daemon.metric("ecsync_lead_time_seconds_count") == 1, "it changes nothing of the application"


def test_a_hook_reads_the_repository_at_once(
    repository: Repository, converged: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source is read at an interval of a day, or now: the hook alone makes the daemon read what was pushed."""
    # The simulated wall time is faster than the intervals: for the daemon it would be a clock that is set.
    monkeypatch.setattr("ecsync.engine.ticks.Ticks.keep_time", lambda _: None)
    environment, secret = converged.environment, tmp_file(repository, "secret", SECRET)
    with (
        served("https", repository) as (where, git_settings),
        in_process_daemon.run(
            environment, where, 24 * HOUR, git=git_settings, lease="none", webhooks={"github_file": secret}
        ) as daemon,
    ):
        wait_until(daemon.is_converged)
        before = len(environment.simulator.ledger)
        sha = change(repository, "nginx:1.27", "nginx:1.28")
        daemon.wait_for_passes()
        assert daemon.metric("ecsync_source_fetch_total", result="ok") == 1
        assert post(daemon, SECRET) == 202
        wait_until(lambda: environment.service()["taskDefinition"].endswith(":2"))
        assert daemon.metric("ecsync_source_fetch_total", result="ok") == 2
        assert daemon.running.store.events(of_type="source.updated", limit=1)[0].detail["commit"] == sha
        assert operations(environment.simulator.ledger.mutations(before)) == [
            "ecs.RegisterTaskDefinition",
            "ecs.UpdateService",
        ]


@needs_ssh_keygen
def test_with_signers_a_push_that_is_not_signed_deploys_nothing(
    repository: Repository, converged: Controller, tmp_path: Path
) -> None:
    """It is reported. The signed commit stays applied, and a signed one is deployed with what is below it."""
    environment, key = converged.environment, SshKey.create(tmp_path)
    signers = tmp_file(repository, "signers", key.listed('namespaces="git"'))
    repository.commit({}, "the quickstart, signed", signed=key.settings)
    with (
        served("https", repository) as (where, settings),
        in_process_daemon.run(environment, where, git={**settings, "signers": signers}, lease="none") as daemon,
    ):
        wait_until(daemon.is_converged)
        before = len(environment.simulator.ledger)
        change(repository, "nginx:1.27", "nginx:1.28")
        wait_until(lambda: ": unsigned: " in daemon.not_ready_because().get("source", ""))
        assert (daemon.metric("ecsync_source_fetch_total", result="unsigned") or 0) > 0
        assert daemon.running.store.events(of_type="source.failed", limit=1)[0].detail["reason"] == "unsigned"
        daemon.wait_for_passes()
        assert operations(environment.simulator.ledger.mutations(before)) == []
        sha = repository.commit({}, "seen and signed", signed=key.settings)
        wait_until(lambda: environment.service()["taskDefinition"].endswith(":2"))
        assert daemon.running.store.application("quickstart").revision == sha[:12]  # type: ignore[union-attr]
        wait_until(lambda: daemon.not_ready_because() == {})


def test_whatever_happens_to_the_repository_nothing_is_changed(repository: Repository, converged: Controller) -> None:
    """Each has a reason of its own in status, event and metric; with the repository as it was, the daemon is ready."""
    environment = converged.environment
    first = git("rev-parse", "HEAD", at=repository.work)
    with daemon_of("https", repository, converged) as daemon:
        before = len(environment.simulator.ledger)

        def reports(reason: str) -> None:
            wait_until(lambda: daemon.not_ready_because().get("source", "").find(f": {reason}: ") > 0)
            assert (daemon.metric("ecsync_source_fetch_total", result=reason) or 0) > 0
            assert daemon.running.store.events(of_type="source.failed", limit=1)[0].detail["reason"] == reason

        git("branch", "-m", "main", "other", at=repository.bare)
        reports("missing")
        git("branch", "-m", "other", "main", at=repository.bare)
        wait_until(lambda: daemon.not_ready_because() == {})
        token_of(repository).write_text("expired")
        reports("denied")
        token_of(repository).write_text(TOKEN)
        git("checkout", "--quiet", "--orphan", "rewritten", at=repository.work)
        repository.commit({"env/prod/application.yaml": "not: [whole"}, "force-pushed")
        reports("rewritten")
        git("checkout", "--quiet", first, at=repository.work)
        (repository.work / "env/prod/link.yaml").symlink_to("application.yaml")
        repository.commit({}, "a link")
        reports("unsafe")
        (repository.work / "env/prod/link.yaml").unlink()
        repository.commit({}, "no link")
        wait_until(lambda: daemon.not_ready_because() == {})
        repository.commit({"env/prod/broken.yaml": "resources: [whole"}, "broken")
        wait_until(lambda: "config" in daemon.not_ready_because())
        (repository.work / "env/prod/broken.yaml").unlink()
        repository.commit({}, "not broken")
        wait_until(lambda: daemon.not_ready_because() == {})
        assert operations(environment.simulator.ledger.mutations(before)) == []
