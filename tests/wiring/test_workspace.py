"""The way from a source to a catalogue."""

from __future__ import annotations

import gc

import pytest

from benchmarks.fleet import Fleet
from ecsync import wiring
from ecsync.config import Settings
from ecsync.core.ports import Snapshot
from ecsync.wiring.system import without_collection


def fail() -> None:
    """Fail without a collection."""
    with without_collection():
        raise ZeroDivisionError


def test_the_collector_is_as_it_was_after_a_load() -> None:
    """Also if the load fails."""
    assert gc.isenabled()
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off() -> None:
    """Another one has turned it off."""
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_catalogue_of_a_changed_snapshot_keeps_what_did_not_change() -> None:
    """The daemon compares applications, and an object is equal to itself at once."""
    workspace = wiring.workspace(Settings(), ".", read_only=True)
    files = Fleet(services=4, applications=2).files()
    before = workspace.catalogue(Snapshot(revision="1", files=files))
    name = "app-1/services-0.yaml"
    files[name] = files[name].replace(b"desiredCount: 1", b"desiredCount: 2")
    after = workspace.catalogue(Snapshot(revision="2", files=files))
    assert after.revision == "2"
    assert after.applications["app-0"] is before.applications["app-0"]
    assert after.applications["app-1"] != before.applications["app-1"]


def test_an_application_without_an_interval_has_that_of_the_settings() -> None:
    """Also one without an Application document, and one with other settings of `sync`."""
    workspace = wiring.workspace(Settings.model_validate({"loop": {"interval": "5m"}}), ".", read_only=True)
    document = "apiVersion: ecsync/v1\nkind: Application\nmetadata: {{name: {}}}\nspec: {}\n"
    files = {
        "own/app.yaml": document.format("own", "{sync: {interval: 10s}}").encode(),
        "mode/app.yaml": document.format("mode", "{sync: {mode: enforce}}").encode(),
        "none/app.yaml": document.format("none", "{}").encode(),
        "loose.yaml": b"apiVersion: ecsync/v1\nresources: {LogGroup/loose: {}}\n",
    }
    loaded = workspace.loaded(Snapshot(revision="1", files=files))
    assert loaded.problems == ()
    found = {application.name: application.sync.interval for application in loaded.applications}
    assert found.pop("own") == 10.0
    assert set(found.values()) == {300.0}
    assert len(found) == 3
