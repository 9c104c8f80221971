"""The source at an address."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from ecsync.config import Settings
from ecsync.core.ports import SourceError
from ecsync.sources.disk import DiskSource
from ecsync.sources.git import GitSource
from ecsync.wiring.sources import open_source, root_name


def no_reader() -> NoReturn:
    """Fail if a client is requested."""
    raise AssertionError("only S3 needs an AWS client")


def test_a_path_opens_without_a_client(tmp_path: Path) -> None:
    """Only S3 needs a client, so a directory works without AWS settings."""
    assert isinstance(open_source(str(tmp_path), no_reader, Settings()), DiskSource)


def test_a_repository_opens_without_a_client() -> None:
    """Nothing is asked until the first read."""
    assert isinstance(open_source("git+https://example.com/org/repo.git@main", no_reader, Settings()), GitSource)


@pytest.mark.parametrize(
    "where", ["git://host/repo", "s3://", "https://example.com/x", "https://user:secret@example.com/x"]
)
def test_an_unknown_scheme_is_refused(where: str) -> None:
    """Nothing is fetched from an address of another form, and no credentials in it are shown."""
    with pytest.raises(SourceError, match="use a path, s3://") as refused:
        open_source(where, no_reader, Settings())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("manifests/shop/", "shop"),
        ("s3://bucket/prod/shop", "shop"),
        ("s3://bucket", "bucket"),
        ("git+https://example.com/org/shop.git@main", "shop"),
        ("git+https://example.com/org/deploy.git#subdirectory=env/prod", "prod"),
    ],
)
def test_documents_without_an_application_are_named_after_the_last_part(where: str, name: str) -> None:
    """Of the folder in a repository, where one is given."""
    assert root_name(where) == name
