"""For the whole suite: what takes longest begins first, so that no worker ends late; less garbage collection."""

from __future__ import annotations

import gc

import pytest

gc.disable()  # until all is imported
SLOW_FIRST = ("observability", "whole", "corpus", "importer", "ecsim", "kinds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow folders first; within a folder the order stays."""

    def rank(item: pytest.Item) -> int:
        folders = [part for part in item.path.parts if part in SLOW_FIRST]
        return SLOW_FIRST.index(folders[-1]) if folders else len(SLOW_FIRST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Leave the modules out of every garbage collection: they are most of what it would visit, and stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Let `--dist loadfile` keep this order: xdist would begin with the files that have most tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
