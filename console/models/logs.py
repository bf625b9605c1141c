"""The log page: its filters, and lines as they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.models import Json
from console.models.runs import PERIODS

LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log. ``fields`` are its further values, as text."""

    at: str
    level: str
    message: str
    node: str
    attempt: int
    fields: tuple[tuple[str, str], ...]
    run: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class LogFilters:
    """What the log page shows, as it stands in its address. Empty means all."""

    text: str = ""
    level: str = ""
    pipeline: str = ""
    run: str = ""
    node: str = ""
    period: str = ""
    cursor: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered out."""
        return not (self.text or self.level or self.pipeline or self.run or self.node or self.period)

    def query(self) -> dict[str, Any]:
        """As the page's own query."""
        return {
            "q": self.text,
            "level": self.level,
            "pipeline": self.pipeline,
            "run": self.run,
            "node": self.node,
            "period": self.period,
            "cursor": self.cursor,
        }

    def api_query(self, now: datetime) -> dict[str, Any]:
        """As the API's query."""
        query = self.query()
        length = PERIODS.get(query.pop("period"))
        return {**query, "since": "" if length is None else (now - length).isoformat()}


def read_log_filters(query: Mapping[str, str]) -> LogFilters:
    """The filters of an address; what is none is left out."""
    level, period = query.get("level", ""), query.get("period", "")
    return LogFilters(
        text=query.get("q", "")[:500],
        level=level if level in LEVELS else "",
        pipeline=query.get("pipeline", "").strip(),
        run=query.get("run", "").strip(),
        node=query.get("node", "").strip(),
        period=period if period in PERIODS else "",
        cursor=query.get("cursor", ""),
    )


def log_line(line: Json) -> LogLine:
    """A line as the API gives it."""
    return LogLine(
        at=line["at"],
        level=line["level"],
        message=line["message"],
        node=line["node"],
        attempt=line["attempt"],
        fields=tuple((name, str(value)) for name, value in line["fields"].items()),
        run=line.get("run", ""),
        pipeline=line.get("pipeline", ""),
    )
