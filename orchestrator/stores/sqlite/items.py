"""Loop items: a row each, with the whole scope."""

import sqlite3

from flume.ids import Instance, RunId
from orchestrator.records import to_scope
from orchestrator.state import RunStatus, Scope
from orchestrator.stores.sqlite.awaited import note_awaited
from orchestrator.stores.sqlite.encoding import decode
from orchestrator.stores.sqlite.part import Part

_READ_ITEMS = """
SELECT position, state FROM loop_items WHERE run_id = ? AND loop = ? AND position > ? ORDER BY position LIMIT ?
"""

_COPY_ITEMS = """
INSERT OR REPLACE INTO loop_items (run_id, loop, position, rev, status, state)
SELECT :target, loop, position, rev, status, state FROM loop_items
WHERE run_id = :source AND loop = :loop AND status = :completed
"""

# The loops within items of "each" are named "each[3].inner", so they stand in one range of the primary key, between
# "each[" and "each\"; what a cast to a number takes of "3].inner" is the item's position.
_COPY_WITHIN_ITEMS = """
INSERT OR REPLACE INTO loop_items (run_id, loop, position, rev, status, state)
SELECT :target, loop, position, rev, status, state FROM loop_items AS inner_item
WHERE run_id = :source AND loop >= :loop || '[' AND loop < :loop || '\\' AND EXISTS (
  SELECT 1 FROM loop_items AS item
  WHERE item.run_id = :source AND item.loop = :loop AND item.status = :completed
    AND item.position = CAST(substr(inner_item.loop, length(:loop) + 2) AS INTEGER)
)
"""


class Items(Part):
    """The part of the store that keeps loop items; commits write them."""

    async def read_items(
        self, run_id: RunId, loop: Instance, *, after: int = -1, limit: int = 256
    ) -> list[tuple[int, Scope]]:
        """Items of a loop that were stored, by rising index above ``after``; those under way included."""
        rows = await self._database.read(
            lambda connection: connection.execute(_READ_ITEMS, (run_id, loop, after, limit)).fetchall()
        )
        return [(position, to_scope(decode(state))) for position, state in rows]

    async def copy_items(self, source: RunId, target: RunId, loop: Instance) -> int:
        """Copy the items of a loop that completed, with the items within them, to another run; returns how many of
        ``loop``.
        """
        values = {"source": source, "target": target, "loop": loop, "completed": RunStatus.COMPLETED.value}

        def unit(connection: sqlite3.Connection) -> int:
            note_awaited(connection, target)
            copied = connection.execute(_COPY_ITEMS, values).rowcount
            connection.execute(_COPY_WITHIN_ITEMS, values)
            return copied

        return await self._database.write(unit)
