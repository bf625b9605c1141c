"""Loop items: a row each, with the whole scope."""

import sqlite3

from flume.ids import Instance, RunId
from orchestrator.records import to_scope
from orchestrator.state import RunStatus, Scope
from orchestrator.stores.sqlite.awaited import note_awaited
from orchestrator.stores.sqlite.encoding import decode
from orchestrator.stores.sqlite.part import Part

_READ_ITEMS = """
SELECT position, state FROM loop_items
WHERE run_id = :run AND loop = :loop AND position > :after AND (:status IS NULL OR status = :status)
ORDER BY position LIMIT :limit
"""

# SQLite would rather go through all items in their order than look up the few in this index.
_READ_FAILED_ITEMS = """
SELECT position, state FROM loop_items INDEXED BY failed_items
WHERE run_id = :run AND loop = :loop AND position > :after AND status = 'failed'
ORDER BY position LIMIT :limit
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
        self, run_id: RunId, loop: Instance, *, after: int = -1, limit: int = 256, status: RunStatus | None = None
    ) -> list[tuple[int, Scope]]:
        """Items of a loop that were stored, by rising index above ``after``; those under way included."""
        statement = _READ_FAILED_ITEMS if status is RunStatus.FAILED else _READ_ITEMS
        values = {"run": run_id, "loop": loop, "after": after, "limit": limit, "status": status and status.value}
        rows = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
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
