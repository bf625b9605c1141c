"""The one thread that writes, with group commit: whatever has queued up while it was busy becomes one transaction.

A durable commit costs a wait for the disk, which is the same for one change and for a thousand. So the writer starts at
once when it is idle, and otherwise takes all that came meanwhile; there is no timer. Nobody hears of a change before
the transaction that holds it is on disk.

The units of a group run one after another without a savepoint each, since nearly all of them succeed and two more
statements would be a third of their cost. If anything fails, the whole group is rolled back and each unit gets a
transaction of its own; a unit must therefore be safe to run twice, and touch nothing but the database.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from flume.errors import StoreError

T = TypeVar("T")

Unit: TypeAlias = Callable[[sqlite3.Connection], T]
"""A change: all of it happens or nothing. It may run twice, the first time rolled back."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit that failed; nothing of it happened."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Job:
    units: Sequence[Unit[Any]]
    future: asyncio.Future[list[Any]]


class Writer:
    """Runs units on its own thread and connection; made and used within one event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="flume-sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, units: Sequence[Unit[T]]) -> list[T | Failed]:
        """Run units in order and return what each gave, once that is durable. Cancelling the caller undoes nothing."""
        if self._closed:
            raise StoreError("the store is closed; open it before writing to it")
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        self._queue.put(_Job(units, future))
        return await future

    async def close(self) -> None:
        """Carry out what is queued, then end the thread; again is harmless. The connection stays open."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        jobs: list[_Job] = []
        while self._collect(jobs):
            self._carry_out(jobs)
        self._carry_out(jobs)

    def _collect(self, jobs: list[_Job]) -> bool:
        """Fill ``jobs`` with all that is queued, waiting for the first; False if there is nothing to come any more."""
        jobs.clear()
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if not self._queue.qsize():
                return True
            job = self._queue.get()
        return False

    def _carry_out(self, jobs: Sequence[_Job]) -> None:
        if jobs:
            results = self._results(jobs)
            self._loop.call_soon_threadsafe(_resolve, [job.future for job in jobs], results)

    def _results(self, jobs: Sequence[_Job]) -> list[list[Any]]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            # Somebody else holds the file, or it can't be written to. To find that out for each unit is to wait for each.
            return [[Failed(error)] * len(job.units) for job in jobs]
        try:
            results = [[unit(self._connection) for unit in job.units] for job in jobs]
            self._connection.execute("COMMIT")
        # Whatever a unit raises is the answer to whoever asked for it. All others wait for this thread: it must go on.
        except Exception:
            self._roll_back()
            return [[self._alone(unit) for unit in job.units] for job in jobs]
        return results

    def _alone(self, unit: Unit[Any]) -> Any:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = unit(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            return Failed(error)
        return result

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors, a full disk among them. If it can't, the next BEGIN says so.
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _resolve(futures: Sequence[asyncio.Future[list[Any]]], results: Sequence[list[Any]]) -> None:
    for future, result in zip(futures, results, strict=True):
        if not future.done():
            future.set_result(result)
