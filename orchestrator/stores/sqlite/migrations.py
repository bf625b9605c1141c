"""The schema of the database, and how an older one becomes the present one.

Each file in ``schema/`` takes a database one version forward. A file that was released is never edited: a change is a
new file.
"""

import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from flume.errors import StoreError


class Schema:
    """What a database must look like: script *n* of ``scripts`` takes it from version *n* - 1 to version *n*."""

    def __init__(self, scripts: Sequence[str]) -> None:
        self._scripts = tuple(scripts)

    @property
    def version(self) -> int:
        """The version that this code reads and writes."""
        return len(self._scripts)

    def bring(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring the database to `version`, however many steps that takes, in one transaction.

        A step that fails leaves the database as it was. Raises `StoreError`, and changes nothing, if a newer Flume has
        written the database.
        """
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > self.version:
            raise StoreError(
                f"{path} was written by a newer Flume (schema {found}, this one knows {self.version}); "
                "run that Flume, or set FLUME_DATA to another folder"
            )
        if found < self.version:
            self._apply(connection, "\n".join(self._scripts[found:]))

    def _apply(self, connection: sqlite3.Connection, script: str) -> None:
        # The version is part of the transaction, so that a crash can't leave half a step that is then taken for a whole one.
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {self.version};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def scripts_in_order() -> tuple[str, ...]:
    """The scripts in ``schema/``, by their numbers."""
    scripts = [entry for entry in files(__package__).joinpath("schema").iterdir() if entry.name.endswith(".sql")]
    return tuple(script.read_text(encoding="utf-8") for script in sorted(scripts, key=lambda script: script.name))


SCHEMA = Schema(scripts_in_order())
"""The schema of this Flume."""
