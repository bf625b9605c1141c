"""The schema of the database, and how an older one becomes the present one.

Each file in ``schema/`` takes a database one version forward. A file that was released is never edited: a change is a
new file.
"""

import sqlite3
from importlib.resources import files
from pathlib import Path

from flume.errors import StoreError

SCHEMA_VERSION = 1
"""The version that this code reads and writes: the number of files in ``schema/``."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the database to `SCHEMA_VERSION`, each step in a transaction of its own.

    Raises `StoreError`, and changes nothing, if a newer Flume has written the database.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer Flume (schema {found}, this one knows {SCHEMA_VERSION}); "
            "run that Flume, or set FLUME_DATA to another folder"
        )
    for version in range(found + 1, SCHEMA_VERSION + 1):
        _apply(connection, version, _script(version))


def _script(version: int) -> str:
    return files(__package__).joinpath("schema", f"{version:04}.sql").read_text(encoding="utf-8")


def _apply(connection: sqlite3.Connection, version: int, script: str) -> None:
    # The version is part of the transaction, so that a crash can't leave half a step that is then taken for a whole one.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
