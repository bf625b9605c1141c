"""Log lines: kept once each, read in the order in which they were stored, searched from the newest."""

from collections.abc import Sequence

from flume.ids import Instance, RunId
from orchestrator.state import RunOrigin
from orchestrator.store import FoundLogLine, LogFilter, LogLine, Page
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.mongo.database import Collection
from orchestrator.stores.mongo.line_places import keep_lines
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.search import containing
from orchestrator.stores.mongo.values import Document, from_date, from_json, to_date, to_json, to_key

SCANNED_LINES = 20_000
"""How many lines one search looks at. A page may so be short, even empty, and still have a cursor."""

_LAST = 2**63 - 1

_NEWEST = [("at", -1), ("place", -1)]


def line_document(origin: RunOrigin, line: LogLine, rev: int, place: int) -> Document:
    """A line that is kept by a commit to revision ``rev``, or outside of commits for 0."""
    return owned_line(origin.id, origin.namespace, origin.pipeline, line) | {"rev": rev, "place": place}


class Logs(Part):
    """The part of the store that keeps what nodes log."""

    async def read_logs(
        self, run_id: RunId, *, instance: Instance | None = None, after: str | None = None, limit: int = 1000
    ) -> Page[LogLine]:
        """Lines of a run in the order in which they were stored; ``cursor`` is the place after the last line, also at the end."""
        place = 0 if after is None else from_cursor(after, int)[0]
        wanted: Document = {"run": to_key(run_id), "place": {"$gt": place}}
        if instance is not None:
            wanted["instance"] = instance
        found = await self._logs.find(wanted, sort=[("place", 1)], limit=limit)
        return Page(tuple(map(_to_line, found)), to_cursor(int(found[-1]["place"]) if found else place))

    async def save_logs(self, run_id: RunId, lines: Sequence[LogLine]) -> None:
        """Keep lines at once, while their attempt is still under way. Those of a run that does not exist are dropped."""
        run = await self._runs.find_one({"_id": to_key(run_id)}, {"namespace": 1, "pipeline": 1})
        if run is None:
            return
        owner = (run_id, run["namespace"], run["pipeline"])
        documents = [owned_line(*owner, line) | {"rev": 0, "place": self._places()} for line in lines]
        await keep_lines(self._logs, documents, self._places)

    async def search_logs(self, wanted: LogFilter, *, limit: int, cursor: str | None = None) -> Page[FoundLogLine]:
        """Lines over many runs, the newest first."""
        top = (_LAST, _LAST) if cursor is None else from_cursor(cursor, int, int)
        if wanted.until is not None:
            top = min(top, (wanted.until, 0))
        floor = await self._floor(wanted, top)
        found = await self._logs.find(
            {"$and": [_range(wanted, top, floor), *_conditions(wanted)]}, sort=_NEWEST, limit=limit + 1
        )
        if len(found) > limit:
            found = found[:limit]
            floor = _place_of(found[-1])
        lines = tuple(FoundLogLine(RunId(str(each["run"])), each["pipeline"], _to_line(each)) for each in found)
        return Page(lines, None if floor is None else to_cursor(*floor))

    async def _floor(self, wanted: LogFilter, top: tuple[int, int]) -> tuple[int, int] | None:
        """The last line that this search looks at, or None if it gets to the end. Answered from an index alone."""
        found = await self._logs.find(
            _range(wanted, top, None), {"_id": 0, "at": 1, "place": 1}, sort=_NEWEST, skip=SCANNED_LINES - 1, limit=1
        )
        return _place_of(found[0]) if found else None

    @property
    def _logs(self) -> Collection:
        return self._database.collection("logs")


def _range(wanted: LogFilter, top: tuple[int, int], floor: tuple[int, int] | None) -> Document:
    """The lines that a search goes through: those of a run or of a namespace, from below ``top`` down to ``floor``."""
    at: Document = {"$gte": to_date(wanted.since or 0)}
    sides: list[Document] = []
    if top[0] < _LAST:
        at["$lte"] = to_date(top[0])
        sides.append({"$or": [{"at": {"$lt": to_date(top[0])}}, {"place": {"$lt": top[1]}}]})
    if floor is not None:
        at["$gte"] = to_date(floor[0])
        sides.append({"$or": [{"at": {"$gt": to_date(floor[0])}}, {"place": {"$gte": floor[1]}}]})
    lines: Document = {"namespace": wanted.namespace} if wanted.run_id is None else {"run": to_key(wanted.run_id)}
    return {**lines, "at": at, **({"$and": sides} if sides else {})}


def _conditions(wanted: LogFilter) -> list[Document]:
    conditions: list[Document] = []
    if wanted.run_id is not None:
        conditions.append({"namespace": wanted.namespace})
    if wanted.text:
        conditions.append({"message": containing(wanted.text)})
    if wanted.pipeline is not None:
        conditions.append({"pipeline": wanted.pipeline})
    if wanted.instance is not None:
        conditions.append({"instance": wanted.instance})
    if wanted.levels:
        conditions.append({"level": {"$in": list(wanted.levels)}})
    return conditions


def owned_line(run_id: str, namespace: str, pipeline: str, line: LogLine) -> Document:
    """A line with what it says of its run, as yet without revision and place."""
    return {
        "_id": f"{run_id}/{line.instance}/{line.attempt}/{line.sequence}",
        "run": to_key(run_id),
        "namespace": namespace,
        "pipeline": pipeline,
        "instance": line.instance,
        "attempt": line.attempt,
        "seq": line.sequence,
        "at": to_date(line.at),
        "level": line.level,
        "message": line.message,
        "fields": to_json(line.fields),
    }


def _to_line(document: Document) -> LogLine:
    return LogLine(
        Instance(document["instance"]),
        document["attempt"],
        document["seq"],
        from_date(document["at"]),
        document["level"],
        document["message"],
        from_json(document["fields"]),
    )


def _place_of(document: Document) -> tuple[int, int]:
    return int(document["at"]), int(document["place"])
