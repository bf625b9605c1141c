"""Which store an orchestrator has: the embedded one in its data folder, or a MongoDB that many share."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from flume.cli.settings import Settings
from flume.errors import SettingError
from orchestrator.identifiers import Clock
from orchestrator.stores.sqlite.store import SqliteStore
from orchestrator.transfer.store import TransferStore


def mongodb_url_of(settings: Settings, *, is_enough: bool) -> str:
    """The server that keeps everything; empty for the embedded store.

    ``is_enough``: a ``MONGODB_URL`` alone decides for it. Where it does not, because the URL is there for nodes as likely as
    not, ``FLUME_STORE`` has to say so. Raises `SettingError` if that asks for a server without naming one.
    """
    match settings.store:
        case "sqlite":
            return ""
        case "mongodb":
            if not settings.mongodb_url:
                problem = "expected the URL of a MongoDB such as mongodb://db:27017/, since FLUME_STORE is mongodb"
                raise SettingError("MONGODB_URL", problem)
            return settings.mongodb_url
        case _:
            return settings.mongodb_url if is_enough else ""


def open_store(
    data: Path | None, mongodb_url: str, database: str, *, clock: Clock | None = None
) -> AbstractAsyncContextManager[TransferStore]:
    """The store in ``database`` of a server, or without one in a folder; without either, one that is gone at the end.

    ``clock`` None: that of this machine. The embedded store looks at none.
    """
    if mongodb_url:
        # The driver costs a third of the start, and most do without.
        from orchestrator.stores.mongo.part import World
        from orchestrator.stores.mongo.store import MongoStore

        return MongoStore.open(mongodb_url, database, world=None if clock is None else World(clock))
    return SqliteStore.temporary() if data is None else SqliteStore.open(data)


def place_of(settings: Settings, mongodb_url: str) -> str:
    """Where everything is kept, for people to read; without user and password."""
    if not mongodb_url:
        return str(settings.data)
    from orchestrator.stores.mongo.database import hosts_of

    return f"database {settings.platform_database} of MongoDB at {hosts_of(mongodb_url)}"
