"""Settings: four sources, one name for each setting, and errors with the place, the problem and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ecsync.config import ConfigError, Settings, load, load_from_process, template_environment


def write(folder: Path, text: str) -> Path:
    """A config file."""
    file = folder / "ecsync.yaml"
    file.write_text(text)
    return file


def refusal(file: Path | None = None, environment: dict[str, str] | None = None, **flags: object) -> str:
    """Return the text of the ConfigError that loading raises."""
    with pytest.raises(ConfigError) as caught:
        load(file, environment or {}, flags)
    return str(caught.value)


def test_the_defaults_are_read_only_and_serve_this_machine_only() -> None:
    """Without settings, ecsync writes nothing, and no other machine can connect."""
    settings = load(None, {}, {})
    assert settings == Settings()
    assert (settings.enforce, settings.first_time, settings.installation) == (False, False, "")
    assert (settings.http.host, settings.loop.interval) == ("127.0.0.1", 60.0)


def test_later_sources_override_earlier_ones(tmp_path: Path) -> None:
    """File over default, environment over file, flag over environment. A flag that is None has no effect."""
    file = write(tmp_path, "installation: file\nregion: file\nhttp: {port: 1, host: 0.0.0.0}\nlog: {level: debug}\n")
    environment = {"ECSYNC_REGION": "environment", "ECSYNC_HTTP_PORT": "2", "ECSYNC_LOG_LEVEL": "warning"}
    settings = load(file, environment, {"http.port": 3, "log.level": None})
    assert (settings.installation, settings.region) == ("file", "environment")
    assert (settings.http.host, settings.http.port, settings.log.level) == ("0.0.0.0", 3, "warning")  # noqa: S104


def test_targets_are_read_from_the_file(tmp_path: Path) -> None:
    """A target has an account, a Region, a role and `enforce`."""
    role = "arn:aws:iam::123456789012:role/ecsync"
    text = f'targets:\n  prod: {{account: "123456789012", region: eu-central-1, role: "{role}", enforce: true}}\n'
    target = load(write(tmp_path, text), {}, {}).targets["prod"]
    assert (target.account, target.region, target.role, target.enforce) == ("123456789012", "eu-central-1", role, True)


def test_roles_of_a_target_are_one_for_each_mode(tmp_path: Path) -> None:
    """Those of the operator's own account are a group, so each has a variable."""
    role = "arn:aws:iam::123456789012:role/"
    roles = f'{{observe: "{role}look", apply: "{role}write", prune: "{role}remove"}}'
    text = (
        f'targets:\n  prod: {{account: "123456789012", roles: {roles}, enforce: true}}\nroles: {{apply: "{role}a"}}\n'
    )
    settings = load(write(tmp_path, text), {"ECSYNC_ROLES_PRUNE": role + "b"}, {})
    assert settings.targets["prod"].roles.prune == role + "remove"
    assert (settings.roles.apply, settings.roles.prune) == (role + "a", role + "b")


ROLES = 'account: "123456789012"'
WRITE, LOOK = (f'{mode}: "arn:aws:iam::123456789012:role/x"' for mode in ("apply", "observe"))


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("1h", 3600), ("5m", 300)])
def test_a_time_may_have_a_unit(text: str, seconds: float) -> None:
    """A time is a number of seconds, or has a unit."""
    assert load(None, {"ECSYNC_LOOP_INTERVAL": text}, {}).loop.interval == seconds


def test_settings_cannot_be_changed() -> None:
    """Settings are frozen."""
    with pytest.raises(ValidationError):
        Settings().region = "elsewhere"


@pytest.mark.parametrize("text", ["", "# nothing\n", "http:\n", "log:\n  # level: debug\n"])
def test_a_file_may_be_empty(tmp_path: Path, text: str) -> None:
    """A file, or a group in it, with all settings commented out gives the defaults."""
    assert load(write(tmp_path, text), {}, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http: {prt: 1}", ["ecsync.yaml", "http.prt", "not a setting", '"http.port"']),
        ("instalation: x", ["ecsync.yaml", "instalation", '"installation"']),
        ('targets: {prod: {acount: "1"}}', ["ecsync.yaml", "targets.prod.acount", '"account"']),
        ("targets: {prod: {region: x}}", ["ecsync.yaml", "targets.prod.account", "field required"]),
        ("targets: {prod: {account: 123456789012}}", ["targets.prod.account", "in quotes"]),
        (f"targets: {{prod: {{{ROLES}, roles: {{aply: x}}}}}}", ["targets.prod.roles.aply", '"apply"']),
        (
            f"targets: {{prod: {{{ROLES}, {WRITE.replace('apply', 'role')}, roles: {{{WRITE}}}}}}}",
            ["either role or roles"],
        ),
        (f"targets: {{prod: {{{ROLES}, enforce: true, roles: {{{LOOK}}}}}}}", ["targets.prod", "needs roles.apply"]),
        (f"targets: {{prod: {{{ROLES}, roles: {{{WRITE.replace('apply', 'prune')}}}}}}}", ["needs roles.apply"]),
        (f"roles: {{{LOOK}}}", ["ecsync.yaml", "roles", "the process's own credentials read"]),
        ("projects: {shop: {kind: [Service]}}", ["projects.shop.kind", '"kinds"']),
        ("http: {port: 99999}", ["ecsync.yaml", "http.port", "65535", "99999"]),
        ("http: 8080", ["ecsync.yaml", "http"]),
        ("log: {level: loud}", ["log.level", "'debug'", "loud"]),
        ("loop: {interval: soon}", ["loop.interval", "must be a time such as 30s, 5m", "soon"]),
        ("installation: my shop", ["installation", "A-Z a-z 0-9"]),
        ("- a list", ["ecsync.yaml", "map of settings"]),
        ("a: [", ["ecsync.yaml", "not YAML", "line"]),
    ],
)
def test_the_error_about_the_file_names_the_place_and_the_fix(tmp_path: Path, text: str, parts: list[str]) -> None:
    """The error contains the file, the setting, the problem and the nearest name."""
    error = refusal(write(tmp_path, text))
    assert [part for part in parts if part not in error] == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that does not exist is an error."""
    assert "gone.yaml" in refusal(tmp_path / "gone.yaml")


def test_a_bad_variable_or_flag_is_named() -> None:
    """The error starts with the source of the value that is used."""
    assert refusal(None, {"ECSYNC_HTTP_PORT": "x"}).startswith("ECSYNC_HTTP_PORT: http.port: ")
    assert refusal(None, {"ECSYNC_LOOP_SOURCE_INTERVAL": "1"}, **{"loop.source_interval": 0}).startswith(
        "--loop-source-interval: loop.source_interval: "
    )


def test_an_unknown_variable_is_an_error() -> None:
    """A misspelt variable would have no effect, without a message."""
    error = refusal(None, {"ECSYNC_INSTALATION": "x"})
    assert error.startswith("ECSYNC_INSTALATION: not a setting")
    assert "ECSYNC_INSTALLATION" in error


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """Each problem is one line."""
    error = refusal(write(tmp_path, "http: {port: -1}\nlog: {level: loud}\nnonsense: 1\n"))
    assert len(error.splitlines()) == 3


def test_other_variables_are_ignored() -> None:
    """boto3 reads AWS's variables, and variables for manifests have their own prefix."""
    environment = {"AWS_REGION": "x", "ECSYNC_VAR_HOST": "example.com", "ECSYNC_CONFIG": "f"}
    assert load(None, environment, {}) == Settings()
    assert template_environment(environment) == {"HOST": "example.com"}


def test_writing_requires_an_installation() -> None:
    """A mark requires the name of the installation. The error contains the ways to set it."""
    with pytest.raises(ConfigError, match="--installation NAME"):
        Settings().installation_to_write()
    assert Settings(installation="main").installation_to_write() == "main"


@pytest.mark.parametrize("name", ["a", "A1", "my-shop_1.2", "x" * 63])
def test_valid_names_of_an_installation(name: str) -> None:
    """Letters, digits, dots, dashes and underscores, up to 63."""
    assert Settings(installation=name).installation == name


@pytest.mark.parametrize("name", ["-a", "a/b", "ä", "x" * 64, "a b", "a\n"])
def test_invalid_names_of_an_installation(name: str) -> None:
    """A name that does not fit in a mark is rejected."""
    with pytest.raises(ValidationError):
        Settings(installation=name)


def test_settings_are_read_from_the_process_environment_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load_from_process` and `template_environment` read the process."""
    file = write(tmp_path, "region: from-file\n")
    monkeypatch.setenv("ECSYNC_CONFIG", str(file))
    monkeypatch.setenv("ECSYNC_INSTALLATION", "main")
    monkeypatch.setenv("ECSYNC_VAR_HOST", "example.com")
    settings = load_from_process(overrides={"http.port": 0})
    assert (settings.region, settings.installation, settings.http.port) == ("from-file", "main", 0)
    assert template_environment()["HOST"] == "example.com"


def test_each_source_has_its_own_settings_before_the_common_ones(tmp_path: Path) -> None:
    """What an entry of `sources` does not set is as for the only source."""
    own = "{source: s3://b/a, source_owner: '210987654321', git: {token_file: /b}}"
    common = "source_owner: '123456789012'\ngit: {token_file: /a}\n"
    file = write(tmp_path, f"{common}sources:\n  shop: {own}\n  web: {{source: s3://b/c}}\n")
    settings = load(file, {}, {})
    shop, web = settings.source_of("shop"), settings.source_of("web")
    assert (shop.source, shop.source_owner, shop.git.token_file) == ("s3://b/a", "210987654321", "/b")
    assert (web.source, web.source_owner, web.git.token_file) == ("s3://b/c", "123456789012", "/a")


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ("'a/b': {source: x}", "must be 1 to 63 of"),
        ("a: {}", "sources.a.source: field required"),
        ("a: {source: x, sorce_owner: y}", "sources.a.sorce_owner: not a setting"),
        ("a: {source: x, git: {token: hunter2}}", "a secret must not be in this file"),
    ],
)
def test_an_error_of_a_source_names_it_and_no_secret(tmp_path: Path, entry: str, part: str) -> None:
    """The value is not repeated: it may hold a token."""
    found = refusal(write(tmp_path, f"sources:\n  {entry}\n"))
    assert part in found
    assert "hunter2" not in found
