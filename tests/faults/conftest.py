"""Faults from a seed that is printed. ``pytest tests/faults --run-faults`` runs the long version."""

import random

import pytest


def pytest_addoption(parser):
    parser.addoption("--run-faults", action="store_true", help="run the long fault tests too")
    parser.addoption("--fault-seed", type=int, default=None, help="the seed of a failure to see again")


@pytest.fixture
def is_long(request):
    return request.config.getoption("--run-faults", default=False)


@pytest.fixture
def chance(request):
    """Randomness whose seed stands in the captured output of a test that fails."""
    seed = request.config.getoption("--fault-seed", default=None)
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    print(f"\nseen again with: --fault-seed {seed}")  # noqa: T201 - a failure must be repeatable
    return random.Random(seed)
