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


@pytest.fixture
def mongodb_settings(mongodb_server):
    """Of replicas that share a MongoDB of this test alone."""
    url = f"mongodb://127.0.0.1:{mongodb_server.port}/flume?retryWrites=false&directConnection=true"
    return {"MONGODB_URL": url}


@pytest.fixture
def shared_settings(mongodb_settings, redis_server, chance, is_long):
    """The same, in the long version as often as not with a Redis besides."""
    has_bus = is_long and chance.random() < 0.5
    return mongodb_settings | ({"REDIS_URL": f"redis://127.0.0.1:{redis_server.port}/0"} if has_bus else {})
