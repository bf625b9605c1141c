"""The outbox: events that were kept with the commit of what they tell, until they are published."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from flume.ids import Millis
from orchestrator.store import Audience, Backlog, OutboxEntry
from orchestrator.stores.sqlite.encoding import decode, encode
from orchestrator.stores.sqlite.part import Part

KEEP_ENTRY = "INSERT OR REPLACE INTO outbox (id, audience, owner, at, event) VALUES (?, ?, ?, ?, ?)"

_READ = (
    "SELECT id, audience, owner, at, event FROM outbox WHERE owner = ? AND audience = ? AND (at, id) > (?, ?)"
    " ORDER BY at, id LIMIT ?"
)

_DELETE = "DELETE FROM outbox WHERE id = ? AND audience = ?"

_DROP = "DELETE FROM outbox WHERE owner = ? AND audience = ? AND at < ?"

_BACKLOGS = "SELECT audience, COUNT(*), MIN(at) FROM outbox WHERE owner = ? GROUP BY audience"

# As many parameters as there are replicas, which are few.
_TAKE_OVER = "UPDATE outbox SET owner = ? WHERE owner NOT IN ({})"


def entry_row(entry: OutboxEntry) -> tuple[Any, ...]:
    """The values of `KEEP_ENTRY`. Raises `TypeError` or `ValueError` for what is not JSON."""
    return entry.id, entry.audience, entry.owner, entry.at, encode(entry.event)


class Outbox(Part):
    """The part of the store that keeps what is to be published."""

    async def read_outbox(
        self, owner: str, audience: Audience, *, limit: int, after: OutboxEntry | None = None
    ) -> tuple[OutboxEntry, ...]:
        """What ``owner`` has yet to publish to ``audience``, the oldest first; see `orchestrator.store.RunStore`."""
        place = (-1, "") if after is None else (after.at, after.id)
        values = (owner, audience, *place, limit)
        rows = await self._database.read(lambda connection: connection.execute(_READ, values).fetchall())
        return tuple(OutboxEntry(id, Audience(to), name, Millis(at), decode(event)) for id, to, name, at, event in rows)

    async def delete_outbox(self, entries: Sequence[OutboxEntry]) -> None:
        """Forget entries that were published; those that are gone already do no harm."""
        rows = [(entry.id, entry.audience) for entry in entries]

        def unit(connection: sqlite3.Connection) -> None:
            for row in rows:
                connection.execute(_DELETE, row)

        await self._database.write(unit)

    async def drop_outbox(self, owner: str, audience: Audience, *, before: Millis) -> int:
        """Forget what ``owner`` could not publish to ``audience`` from before a moment; how many entries that are."""
        return await self._database.write(
            lambda connection: connection.execute(_DROP, (owner, audience, before)).rowcount
        )

    async def outbox_backlogs(self, owner: str) -> Mapping[Audience, Backlog]:
        """What ``owner`` has yet to publish, by audience; one for which nothing waits is left out."""
        rows = await self._database.read(lambda connection: connection.execute(_BACKLOGS, (owner,)).fetchall())
        return {Audience(audience): Backlog(count, Millis(oldest)) for audience, count, oldest in rows}

    async def take_over_outbox(self, owner: str, *, live_owners: Sequence[str]) -> int:
        """Let ``owner`` publish what belongs to none of ``live_owners``; how many entries that are."""
        statement = _TAKE_OVER.format(", ".join("?" * len(live_owners)))
        return await self._database.write(
            lambda connection: connection.execute(statement, (owner, *live_owners)).rowcount
        )
