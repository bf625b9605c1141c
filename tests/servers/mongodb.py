"""A real server of MongoDB's wire protocol: the program in the package ``secantusdb``, which is never imported."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.servers.own_process import OwnProcess, do_without, free_port


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for all tests; each uses databases of its own."""
    with _serving(tmp_path_factory.mktemp("mongodb")) as server:
        yield url_of(server)


@pytest.fixture
def mongodb_server(tmp_path: Path) -> Iterator[OwnProcess]:
    """A server for this test alone, to be stopped and started at will."""
    with _serving(tmp_path) as server:
        yield server


def url_of(server: OwnProcess) -> str:
    """Without retryable writes, of which the server keeps a table that slows it down."""
    return f"mongodb://127.0.0.1:{server.port}/?retryWrites=false"


def _serving(folder: Path) -> OwnProcess:
    port = free_port()
    options = ["--port", str(port), "--storage-path", str(folder), "--log-level", "WARNING", "--sync-on-commit"]
    bounds = ["--log-file-max", "64MB", "--cache-size", "256M"]
    return OwnProcess([str(_program()), *options, *bounds], port)


def _program() -> Path:
    found = find_spec("secantus")
    folders = found.submodule_search_locations if found else None
    program = Path(folders[0]).parent / "secantusdb.scripts" / "secantusd-rs" if folders else None
    if program is None or not program.exists():
        do_without("no MongoDB server: the package secantusdb is not installed, or comes without secantusd-rs")
    return program
