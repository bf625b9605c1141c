"""Node types that are images."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.store import PackagedTypeRecord
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.part import Part

SAVE_TYPE = "INSERT OR REPLACE INTO node_types (name, hash, description) VALUES (?, ?, ?)"

_HASHES = "SELECT name, hash FROM node_types INDEXED BY node_types_by_name ORDER BY name"


def type_row(record: PackagedTypeRecord) -> tuple[Any, ...]:
    """The values of `SAVE_TYPE`."""
    return record.name, record.hash, encode(record.description)


class PackagedTypes(Part):
    """The part of the store that keeps node types."""

    async def save_packaged_type(self, record: PackagedTypeRecord) -> None:
        """Keep a type in place of what was kept under its name."""
        await self._database.write(lambda connection: connection.execute(SAVE_TYPE, type_row(record)).rowcount)

    async def delete_packaged_type(self, name: str) -> bool:
        """Forget a type; False if there is none."""
        statement = "DELETE FROM node_types WHERE name = ?"
        return await self._database.write(lambda connection: connection.execute(statement, (name,)).rowcount) > 0

    async def packaged_type_hashes(self) -> Mapping[str, str]:
        """The hashes of all types by name, sorted."""
        return dict(await self._database.read(lambda connection: connection.execute(_HASHES).fetchall()))

    async def read_packaged_types(self, names: Sequence[str]) -> tuple[PackagedTypeRecord, ...]:
        """These types, sorted by name; those that are not there are left out."""
        places = ", ".join("?" * len(names))
        statement = f"SELECT name, hash, description FROM node_types WHERE name IN ({places}) ORDER BY name"
        rows = await self._database.read(lambda connection: connection.execute(statement, tuple(names)).fetchall())
        return tuple(PackagedTypeRecord(name, hash, decode(description)) for name, hash, description in rows)
