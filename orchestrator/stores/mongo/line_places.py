"""Keeping log lines so that whoever reads behind a place misses none that is stored later.

A place is made of the clock of whoever writes, before the line is there. So another writer, whose clock is ahead or whose write
is faster, may have stored a line behind it already, and a reader may have gone on from there. Whoever writes looks for such lines
afterwards, and moves its own behind them. A reader may get a line twice by that, never not at all; only if the writer dies
between the two steps do those miss it who were reading just then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from orchestrator.stores.mongo.database import Collection, Operation, together
from orchestrator.stores.mongo.part import Places
from orchestrator.stores.mongo.values import Document, Key

MOST_MOVES = 5
"""How often lines are moved. Each further time, another writer has stored lines of the run within the same few milliseconds."""


async def keep_lines(logs: Collection, lines: Sequence[Mapping[str, Any]], places: Places) -> None:
    """Keep lines of runs that exist, each with its ``place``; those whose key is there already are replaced by later states."""
    await logs.keep(lines, _replacement_of)
    by_run: defaultdict[Key, dict[str, int]] = defaultdict(dict)
    for line in lines:
        by_run[line["run"]][line["_id"]] = line["place"]
    await together(*(_settle(logs, run, kept, places) for run, kept in by_run.items()))


async def keep_first_lines(logs: Collection, lines: Sequence[Mapping[str, Any]]) -> None:
    """Keep lines of runs that are about to be made, of which nobody can have read any."""
    await logs.keep(lines, _replacement_of)


async def _settle(logs: Collection, run: Key, kept: Mapping[str, int], places: Places) -> None:
    """Move lines, places by key, until no line of another writer may have been read before they were there."""
    for _ in range(MOST_MOVES):
        others = {"run": run, "place": {"$gt": min(kept.values()), "$nin": list(kept.values())}}
        latest = await logs.find_one(others, {"_id": 0, "place": 1}, sort=[("place", -1)])
        if latest is None:
            return
        places.pass_by(int(latest["place"]))
        moved = {key: places() for key in kept}
        await logs.write([_move(key, kept[key], place) for key, place in moved.items()])
        kept = moved


def _move(key: str, old: int, new: int) -> Operation:
    # A line that was there before these were written has another place, and stays.
    return UpdateOne({"_id": key, "place": old}, {"$set": {"place": new}})


def _replacement_of(line: Document) -> Operation:
    """A line takes over the place of an earlier one under the same key, never of a later one."""
    change = {name: value for name, value in line.items() if name not in ("_id", "place")}
    return UpdateOne({"_id": line["_id"], "rev": {"$lt": line["rev"]}}, {"$set": change})
