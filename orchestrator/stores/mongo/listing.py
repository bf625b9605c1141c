"""Lists of runs: one ordered range of an index for each status, which the server merges; the cost is that of the page."""

from orchestrator.state import RunStatus
from orchestrator.store import Page, RunFilter, RunSummary
from orchestrator.stores.cursors import from_cursor, to_cursor
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.run_documents import SUMMARY_FIELDS, to_summary
from orchestrator.stores.mongo.values import Document, to_date, to_key

SCANNED_RUNS = 2_000
"""How many runs one page looks at for those of a trigger, which has no index. A page may so be short, and still have a cursor."""

_NEWEST = [("createdAt", -1), ("_id", -1)]


class RunLists(Part):
    """The part of the store that lists runs."""

    async def list_runs(self, wanted: RunFilter, *, limit: int, cursor: str | None = None) -> Page[RunSummary]:
        """Runs, the newest first. Raises `RequestError` for a cursor that is not one."""
        top = None if cursor is None else from_cursor(cursor, int, str)
        if wanted.until is not None:
            top = min(top or (wanted.until, ""), (wanted.until, ""))
        condition = _range(wanted, top)
        if wanted.trigger is not None:
            return await self._of_trigger(condition, wanted.trigger, limit)
        found = await self._runs.find(condition, SUMMARY_FIELDS, sort=_NEWEST, limit=limit + 1)
        return _page(found, limit)

    async def _of_trigger(self, condition: Document, trigger: str, limit: int) -> Page[RunSummary]:
        scanned = max(SCANNED_RUNS, limit + 1)
        found = await self._runs.aggregate(
            [
                {"$match": condition},
                {"$sort": dict(_NEWEST)},
                {"$limit": scanned},
                {"$match": {"$or": [{"trigger.id": trigger}, {"trigger.type": trigger}]}},
                {"$limit": limit + 1},
                {"$project": dict(SUMMARY_FIELDS)},
            ]
        )
        page = _page(found, limit)
        if page.cursor is not None:
            return page
        fields = {"createdAt": 1}
        last = await self._runs.find(condition, fields, sort=_NEWEST, skip=scanned - 1, limit=1)
        return Page(page.items, _cursor(last[0]) if last else None)


def _page(found: list[Document], limit: int) -> Page[RunSummary]:
    shown = found[:limit]
    return Page(tuple(map(to_summary, shown)), _cursor(shown[-1]) if len(found) > limit else None)


def _cursor(run: Document) -> str:
    return to_cursor(int(run["createdAt"]), str(run["_id"]))


def _range(wanted: RunFilter, top: tuple[int, str] | None) -> Document:
    """Runs below ``top``. All statuses are named where any will do: then an index gives them in order, merged."""
    created: Document = {"$gte": to_date(wanted.since or 0)}
    statuses = dict.fromkeys(wanted.statuses) or tuple(RunStatus)
    condition: Document = {"namespace": wanted.namespace, "status": {"$in": [status.value for status in statuses]}}
    if wanted.pipeline is not None:
        condition["pipeline"] = wanted.pipeline
    if top is not None:
        moment, run_id = to_date(top[0]), top[1]
        created["$lte"] = moment
        below: list[Document] = [{"createdAt": {"$lt": moment}}]
        if run_id:
            below.append({"createdAt": moment, "_id": {"$lt": to_key(run_id)}})
        condition["$or"] = below
    return condition | {"createdAt": created}
