"""Runs in lists, the filters above them, and one run with its nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from console.formats import duration, millis_between
from console.models import Json
from console.statuses import ENDED, RUN_STATUSES

PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
PERIOD_LABELS = {"": "Any time", "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}

TRIGGER_TYPES = ("manual", "webhook", "cron", "interval", "event")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list. ``duration_ms`` counts to now while it is under way."""

    id: str
    pipeline: str
    version: int
    status: str
    trigger: str
    created_at: str
    duration_ms: int | None
    error: str
    is_test: bool
    attempt: int

    @property
    def is_ended(self) -> bool:
        """Whether it changes no more."""
        return self.status in ENDED


def run_row(run: Json, now: datetime) -> RunRow:
    """A run of a list of the API."""
    error = run.get("error") or {}
    return RunRow(
        id=run["id"],
        pipeline=run["pipeline"],
        version=run["pipelineVersion"],
        status=run["status"],
        trigger=run["trigger"]["type"],
        created_at=run["createdAt"],
        duration_ms=elapsed_ms(run, now),
        error=error.get("message", ""),
        is_test=run["test"],
        attempt=run["attempt"],
    )


def elapsed_ms(timed: Json, now: datetime) -> int | None:
    """How long a run or a node took, or has taken up to now."""
    return millis_between(timed["startedAt"], timed["completedAt"] or now.isoformat())


def node_elapsed_ms(node: Json, now: datetime) -> int | None:
    """The same of a node, with all its attempts and the pauses between them: ``startedAt`` is that of the last one."""
    attempts = node["attempts"]
    return elapsed_ms({**node, "startedAt": attempts[0]["startedAt"]} if attempts else node, now)


@dataclass(frozen=True, slots=True)
class RunFilters:
    """What the runs page shows, as it stands in its address. Empty means all."""

    pipeline: str = ""
    statuses: tuple[str, ...] = ()
    trigger: str = ""
    period: str = ""
    cursor: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered out."""
        return not (self.pipeline or self.statuses or self.trigger or self.period)

    def query(self) -> dict[str, Any]:
        """As the page's own query."""
        return {
            "pipeline": self.pipeline,
            "status": list(self.statuses),
            "trigger": self.trigger,
            "period": self.period,
            "cursor": self.cursor,
        }

    def api_query(self, now: datetime) -> dict[str, Any]:
        """As the API's query."""
        length = PERIODS.get(self.period)
        return {
            "pipeline": self.pipeline,
            "status": list(self.statuses),
            "trigger": self.trigger,
            "since": "" if length is None else (now - length).isoformat(),
            "cursor": self.cursor,
        }

    def bulk_filter(self, now: datetime) -> dict[str, Any]:
        """As the filter of a bulk call, which wants no empty values."""
        query = {name: value for name, value in self.api_query(now).items() if value}
        query.pop("cursor", None)
        return query

    @property
    def words(self) -> str:
        """Which runs they find: ``every failed or cancelled run of hello, started by cron, from the last 24 hours``."""
        states = " or ".join(self.statuses)
        parts = [
            f"every {states} run" if states else "every run",
            f" of {self.pipeline}" if self.pipeline else "",
            f", started by {self.trigger}" if self.trigger else "",
            f", from the {PERIOD_LABELS[self.period].lower()}" if self.period else "",
        ]
        return "".join(parts)

    def with_status(self, status: str) -> "RunFilters":
        """The same with a state added, or taken away if it was there; from the first page on."""
        chosen = set(self.statuses) ^ {status}
        return replace(self, statuses=tuple(each for each in RUN_STATUSES if each in chosen), cursor="")


def read_filters(query: Mapping[str, str], statuses: Sequence[str]) -> RunFilters:
    """The filters of an address; what is none is left out, so that an old link still shows something."""
    period = query.get("period", "")
    return RunFilters(
        pipeline=query.get("pipeline", "").strip(),
        statuses=tuple(each for each in RUN_STATUSES if each in statuses),
        trigger=query.get("trigger", "").strip(),
        period=period if period in PERIODS else "",
        cursor=query.get("cursor", ""),
    )


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node of a run. ``duration_ms`` counts to now while it is under way; ``loop`` is how far a loop is."""

    id: str
    type: str
    status: str
    attempt: int
    duration_ms: int | None
    error: str
    loop: str


def node_rows(run: Json, now: datetime) -> list[NodeRow]:
    """The nodes of a run's top level, in the order of the pipeline."""
    return [
        NodeRow(
            id=id,
            type=node["type"],
            status=node_status(node),
            attempt=node["attempt"],
            duration_ms=node_elapsed_ms(node, now),
            error=(node["error"] or {}).get("message", ""),
            loop=loop_text(node.get("loop")),
        )
        for id, node in run["nodes"].items()
    ]


def node_status(node: Json) -> str:
    """A node's state; one whose function is being started says so, since that is what takes the time."""
    is_starting = node["status"] == "running" and node.get("phase") == "starting"
    return "starting" if is_starting else str(node["status"])


def loop_text(loop: Json | None) -> str:
    """``842 of 1,000 items, 3 failed``."""
    if loop is None:
        return ""
    done, total = loop["succeeded"] + loop["failed"], loop["total"]
    text = f"{done:,} items" if total is None else f"{done:,} of {total:,} items"
    return f"{text}, {loop['failed']:,} failed" if loop["failed"] else text


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run failed. ``node`` is the instance to blame, ``top_node`` the node of the top level that holds it."""

    code: str
    message: str
    node: str
    top_node: str
    is_retryable: bool


def cause_of(run: Json) -> Cause | None:
    """Why a run failed, if it did."""
    error = run.get("error")
    if error is None or run["status"] != "failed":
        return None
    node = error.get("node") or ""
    return Cause(error["code"], error["message"], node, node.partition("[")[0], bool(error.get("retryable")))


def progress(run: Json) -> tuple[int, int]:
    """How many nodes of a run are through, and how many there are."""
    states = [node["status"] for node in run["nodes"].values()]
    return sum(state in ("completed", "failed", "skipped", "cancelled") for state in states), len(states)


_PHASES = {"queuedMs": "queued", "coldStartMs": "cold start", "executeMs": "executed", "totalMs": "in all"}


def timing_text(timing: Json | None) -> str:
    """Where an attempt's time went: ``queued 2 ms, executed 1.4 s``; phases that took none are left out."""
    if not timing:
        return ""
    told = (f"{word} {duration(timing[name])}" for name, word in _PHASES.items() if timing.get(name))
    return ", ".join(told)
