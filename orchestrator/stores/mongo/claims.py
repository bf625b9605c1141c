"""Claims: how a replica becomes the owner of runs that have none, or whose owner is gone.

Each is a compare-and-swap on the run's revision, so that whoever owned the run before loses its next commit. What that
one had pending is carried out before.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import UpdateOne

from flume.ids import Millis, RunId
from orchestrator.state import STATE_VERSION
from orchestrator.stores.mongo.database import Database, Operation
from orchestrator.stores.mongo.part import Part, World
from orchestrator.stores.mongo.pending import apply_found, release_spilled
from orchestrator.stores.mongo.values import Document, Key, to_date, to_key

_CANDIDATE = {"rev": 1, "wakeAt": 1, "owner": 1, "ended": 1, "stateVersion": 1, "pending": 1}

_TRIES = 3

_AT_ONCE = 500


class Claims(Part):
    """The part of the store that gives runs to owners."""

    def __init__(self, database: Database, world: World) -> None:
        super().__init__(database, world)
        # Claims that ended with an error, though they may have been made: see `claim_runs`.
        self._unheard: dict[Key, tuple[str, str]] = {}

    async def claim_runs(
        self, owner: str, *, now: Millis, live_owners: Sequence[str], commit_id: str, limit: int
    ) -> tuple[RunId, ...]:
        """Become the owner of runs that need one, each by compare-and-swap on its revision (which rises by one)."""
        if self._unheard:
            # Found out at once; one that is carried out later still is found by `unfinished_runs`.
            return await self._claims_heard_of(owner)
        candidates = await self._candidates(frozenset(live_owners), now, limit)
        claimed = await self._claim(candidates, owner, commit_id)
        return tuple(RunId(str(run["_id"])) for run in claimed)

    async def claim_run(self, run_id: RunId, owner: str, *, live_owners: Sequence[str], commit_id: str) -> bool:
        """Become the owner of one run that has not ended, if it has no owner or one that is not among ``live_owners``."""
        for _ in range(_TRIES):
            run = await self._runs.find_one({"_id": to_key(run_id)}, _CANDIDATE)
            if run is None or run["ended"] or run["stateVersion"] > STATE_VERSION or run["owner"] in live_owners:
                return False
            if await self._claim([run], owner, commit_id):
                return True
        return False

    async def unfinished_runs(self, owner: str, *, limit: int) -> tuple[RunId, ...]:
        """Runs of ``owner`` that have not ended, in no particular order."""
        wanted = {"ended": False, "owner": owner, "stateVersion": {"$lte": STATE_VERSION}}
        return tuple(RunId(str(run["_id"])) for run in await self._runs.find(wanted, {"_id": 1}, limit=limit))

    async def _claim(self, runs: Sequence[Document], owner: str, commit_id: str) -> list[Document]:
        """Those of the runs, as they were read, that are ``owner``'s now."""
        if not runs:
            return []
        await apply_found(self._database, runs)
        try:
            claimed = await self._write(runs, owner, commit_id)
            await release_spilled(self._database, claimed)
        # Also a cancellation: whatever ends this, the claims may have been made.
        except BaseException:
            self._unheard |= {run["_id"]: (owner, commit_id) for run in runs}
            raise
        return claimed

    async def _write(self, runs: Sequence[Document], owner: str, commit_id: str) -> list[Document]:
        """Write claims; those of the runs for which that was done."""
        written = await self._runs.write([_claim_of(run, owner, commit_id) for run in runs])
        if written.done == len(runs):
            return list(runs)
        heads = await self._runs.find({"_id": {"$in": [run["_id"] for run in runs]}}, {"commit": 1, "owner": 1})
        ours = {head["_id"] for head in heads if (head["owner"], head["commit"]) == (owner, commit_id)}
        return [run for run in runs if run["_id"] in ours]

    async def _claims_heard_of(self, owner: str) -> tuple[RunId, ...]:
        """The runs that an earlier call has claimed for ``owner``, though it was answered with an error."""
        wanted = {key: claim for key, claim in self._unheard.items() if claim[0] == owner}
        heads = await self._runs.find({"_id": {"$in": list(wanted)}}, {"commit": 1, "owner": 1})
        found = [head["_id"] for head in heads if (head["owner"], head["commit"]) == wanted[head["_id"]]]
        # But for a claim of the same run that has failed meanwhile.
        self._unheard = {key: claim for key, claim in self._unheard.items() if wanted.get(key) != claim}
        return tuple(RunId(str(key)) for key in found)

    async def _candidates(self, alive: frozenset[str], now: Millis, limit: int) -> list[Document]:
        """The runs to claim, the earliest due first; each source gives at most ``limit``, by its index."""
        free: Document = {"ended": False, "owner": None, "stateVersion": {"$lte": STATE_VERSION}}
        due = {**free, "wakeAt": {"$lte": to_date(now)}}
        order = [("wakeAt", 1), ("_id", 1)]
        found = _timed(await self._runs.find(due, _CANDIDATE, sort=order, limit=limit))
        found += await self._called(limit)
        for gone in await self._owners():
            if gone not in alive:
                lost = {**free, "owner": gone}
                # A run without a due time had something under way when its owner went: it comes before those that only slept.
                found += _timed(await self._runs.find(lost, _CANDIDATE, sort=order, limit=limit))
        return _earliest(found, limit)

    async def _called(self, limit: int) -> list[tuple[int, Document]]:
        """Runs without owner for which an inbox entry waits, with the moment of the oldest."""
        waiting = await self._database.collection("inbox").aggregate(
            [{"$group": {"_id": "$run", "at": {"$min": "$at"}}}, {"$sort": {"at": 1, "_id": 1}}]
        )
        found: list[tuple[int, Document]] = []
        for start in range(0, len(waiting), _AT_ONCE):
            part = {each["_id"]: int(each["at"]) for each in waiting[start : start + _AT_ONCE]}
            runs = await self._runs.find({"_id": {"$in": list(part)}}, _CANDIDATE)
            await self._drop_entries_of_the_ended(part.keys(), runs)
            found += [(part[run["_id"]], run) for run in runs if _is_free(run)]
            if len(found) >= limit:
                break
        return found

    async def _drop_entries_of_the_ended(self, keys: Iterable[Key], runs: Sequence[Document]) -> None:
        """Entries that came while their run ended; nobody will ever take them."""
        ended = set(keys) - {run["_id"] for run in runs if not run["ended"]}
        if ended:
            await self._database.collection("inbox").delete_all({"run": {"$in": list(ended)}})

    async def _owners(self) -> list[str]:
        """The owners of unfinished runs, by one look into the index for each, however many runs they have."""
        owners: list[str] = []
        last = ""
        while True:
            wanted = {"ended": False, "owner": {"$gt": last}}
            next_one = await self._runs.find_one(wanted, {"owner": 1}, sort=[("owner", 1)])
            if next_one is None:
                return owners
            last = next_one["owner"]
            owners.append(last)


def _claim_of(run: Document, owner: str, commit_id: str) -> Operation:
    change: Mapping[str, Any] = {
        "$set": {"owner": owner, "rev": run["rev"] + 1, "commit": commit_id},
        "$unset": {"pending": ""},
    }
    return UpdateOne({"_id": run["_id"], "rev": run["rev"]}, change)


def _is_free(run: Document) -> bool:
    return not run["ended"] and run["owner"] is None and run["stateVersion"] <= STATE_VERSION


def _timed(runs: Sequence[Document]) -> list[tuple[int, Document]]:
    return [(0 if run["wakeAt"] is None else int(run["wakeAt"]), run) for run in runs]


def _earliest(found: Iterable[tuple[int, Document]], limit: int) -> list[Document]:
    ordered = sorted(found, key=lambda each: (each[0], str(each[1]["_id"])))
    return list({run["_id"]: run for _, run in ordered}.values())[:limit]
