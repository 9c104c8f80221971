"""The fixtures of the whole-system tests, and an account with what manifests refer to."""

from __future__ import annotations

import pytest

from tests.verify.account import Contents
from tests.verify.clean import clean
from tests.whole.conftest import clients, ecsync, environment, simulated_aws, simulator
from tests.whole.support.environment import Environment

__all__ = ["clean", "clients", "contents", "ecsync", "environment", "simulated_aws", "simulator"]


@pytest.fixture
def contents(environment: Environment) -> Contents:
    """An account with images, roles, secrets, networks and certificates."""
    return Contents(environment)
