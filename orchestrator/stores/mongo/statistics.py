"""Counts of ended runs by interval, pipeline and outcome, and of a pipeline's nodes; the server groups, here is ranked."""

from collections import defaultdict
from collections.abc import Sequence

from flume.ids import Millis, NodeId
from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import NodeCount, RunCount
from orchestrator.stores.mongo.part import Part
from orchestrator.stores.mongo.values import Document, to_date

TIMED_RUNS = 100_000
"""Percentiles are those of the latest so many runs of the time asked for; counts are always exact."""

COUNTED_NODES = 20_000
"""Nodes that are looked at together, those of the latest runs first."""

_PERCENTILES = (50, 90, 99)

_RAN = (NodeStatus.COMPLETED.value, NodeStatus.FAILED.value)


class Statistics(Part):
    """The part of the store that counts ended runs and their nodes."""

    async def count_runs(
        self, namespace: str, *, since: Millis, until: Millis, interval_ms: int, pipeline: str | None = None
    ) -> list[RunCount]:
        """Ended runs by interval, pipeline and outcome, in this order; of all pipelines unless one is named."""
        in_time = {"$match": _in_time(namespace, since, until, pipeline)}
        since_then = {"$subtract": [{"$toLong": "$completedAt"}, since]}
        bucket = {"$floor": {"$divide": [since_then, interval_ms]}}
        group = {"bucket": bucket, "pipeline": "$pipeline", "status": "$status"}
        began = {"$ifNull": ["$startedAt", "$createdAt"]}
        took = {"$subtract": [{"$toLong": "$completedAt"}, {"$toLong": began}]}
        counts = await self._runs.aggregate([in_time, {"$group": {"_id": group, "count": {"$sum": 1}}}])
        timed = await self._runs.aggregate(
            [
                in_time,
                {"$sort": {"completedAt": -1}},
                {"$limit": TIMED_RUNS},
                {"$group": {"_id": group, "durations": {"$push": took}}},
            ]
        )
        durations = {_key(each): percentiles(each["durations"]) for each in timed}
        return [
            RunCount(Millis(since + bucket * interval_ms), name, RunStatus(status), count, durations.get(key, ()))
            for key, count in sorted((_key(each), each["count"]) for each in counts)
            for bucket, name, status in [key]
        ]

    async def count_nodes(self, namespace: str, pipeline: str, *, since: Millis, until: Millis) -> list[NodeCount]:
        """The nodes of a pipeline's ended runs, by name; where there are very many, of the latest of these runs."""
        found = await self._runs.aggregate(
            [
                {"$match": _in_time(namespace, since, until, pipeline)},
                {"$sort": {"completedAt": -1}},
                {"$limit": COUNTED_NODES},
                {"$project": {"createdAt": 1, "node": {"$objectToArray": "$nodes"}}},
                {"$unwind": "$node"},
                {"$limit": COUNTED_NODES},
                {
                    "$project": {
                        "_id": 0,
                        "createdAt": 1,
                        "name": "$node.k",
                        "status": "$node.v.status",
                        "startedAt": "$node.v.startedAt",
                        "completedAt": "$node.v.completedAt",
                    }
                },
            ]
        )
        return _counts(found)


def percentiles(durations: Sequence[int]) -> tuple[int, ...]:
    """The nearest-rank percentiles: the smallest duration that is not below so many hundredths of them."""
    ordered = sorted(map(int, durations))
    return tuple(ordered[-(-len(ordered) * share // 100) - 1] for share in _PERCENTILES) if ordered else ()


def _counts(nodes: Sequence[Document]) -> list[NodeCount]:
    durations: defaultdict[str, list[int]] = defaultdict(list)
    failures: defaultdict[str, list[bool]] = defaultdict(list)
    for node in nodes:
        if node["status"] not in _RAN or "completedAt" not in node or int(node["completedAt"]) < int(node["createdAt"]):
            # What a retry took over from the run before it ended before that retry was made, and was counted there.
            continue
        failures[node["name"]].append(node["status"] == NodeStatus.FAILED.value)
        if "startedAt" in node:
            durations[node["name"]].append(int(node["completedAt"]) - int(node["startedAt"]))
    return [
        NodeCount(NodeId(name), len(failures[name]), sum(failures[name]), percentiles(durations[name]))
        for name in sorted(failures)
    ]


def _in_time(namespace: str, since: Millis, until: Millis, pipeline: str | None) -> Document:
    wanted: Document = {
        "ended": True,
        "namespace": namespace,
        "completedAt": {"$gte": to_date(since), "$lt": to_date(until)},
    }
    return wanted if pipeline is None else {**wanted, "pipeline": pipeline}


def _key(group: Document) -> tuple[int, str, str]:
    return int(group["_id"]["bucket"]), group["_id"]["pipeline"], group["_id"]["status"]
