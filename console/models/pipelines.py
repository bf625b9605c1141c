"""Pipelines in lists, and what their pages say about triggers and calls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console.models import Json
from console.models.inputs import input_schemas
from console.models.runs import RunRow, run_row
from flume.durations import format_duration


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A pipeline in a list, with its latest runs, the newest last, and when it fires next by itself."""

    name: str
    description: str
    status: str
    version: int
    triggers: tuple[str, ...]
    runs: tuple[RunRow, ...]
    next_firing: str | None

    @property
    def last_run(self) -> RunRow | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None


def pipeline_row(pipeline: Json, runs: Sequence[Json], triggers: Sequence[Json], now: datetime) -> PipelineRow:
    """A pipeline with its ``runs``, the newest first as the API gives them, and the triggers of all pipelines."""
    firings = [each["nextFiring"] for each in triggers if each["pipeline"] == pipeline["name"] and each["nextFiring"]]
    return PipelineRow(
        name=pipeline["name"],
        description=pipeline["description"],
        status=pipeline["status"],
        version=pipeline["version"],
        triggers=tuple(dict.fromkeys(each["type"] for each in pipeline["triggers"])) or ("manual",),
        runs=tuple(run_row(run, now) for run in reversed(runs)),
        next_firing=min(firings, default=None),
    )


def trigger_text(trigger: Json) -> str:
    """What a trigger goes by: ``0 7 * * * (Europe/Berlin)``, ``every 5 m``, ``POST, bearer``."""
    settings = trigger["settings"]
    match trigger["type"]:
        case "cron" if settings:
            zone = settings["timezone"]
            return f"{settings['schedule']} ({zone})" if zone else str(settings["schedule"])
        case "interval" if settings:
            return f"every {format_duration(timedelta(seconds=settings['everySeconds']))}"
        case "webhook" if settings:
            return f"{', '.join(settings['methods'])}; {_authentication(settings['auth'])}; {_answer(settings)}"
        case "event" if settings:
            return "; ".join(json.dumps(each, ensure_ascii=False) for each in settings["filters"]) or "every event"
        case _:
            return "by hand, or by the API"


def _authentication(auth: str) -> str:
    return "open to all" if auth == "none" else f"{auth} authentication"


def _answer(settings: Json) -> str:
    return f"waits up to {settings['waitSeconds']:g} s" if settings["response"] == "wait" else "answers at once"


def curl_line(base_url: str, name: str, namespace: str, inputs: Any, *, needs_token: bool) -> str:
    """A command that starts a run and waits for its result, to be pasted into a shell."""
    query = "" if namespace == "default" else f"?namespace={namespace}"
    body = json.dumps(sample_inputs(inputs), ensure_ascii=False).replace("'", "'\\''")
    token = ' \\\n  -H "Authorization: Bearer $FLUME_TOKEN"' if needs_token else ""
    return (
        f"curl '{base_url}/api/v1/pipelines/{name}/invoke{query}' \\\n"
        f"  -H 'Content-Type: application/json' -H 'Prefer: wait=20'{token} \\\n  -d '{body}'"
    )


def sample_inputs(inputs: Any) -> dict[str, Any]:
    """Something for each input: its default, else a value that it takes, else a gap that shows what belongs there."""
    return {name: _sample(name, schema) for name, schema in input_schemas(inputs).items()}


def _sample(name: str, schema: Json) -> Any:
    if "default" in schema:
        return schema["default"]
    choices = schema.get("enum")
    if choices:
        return choices[0]
    least = schema.get("minimum", 1)
    samples: dict[str, Any] = {"integer": least, "number": least, "boolean": True, "array": [], "object": {}}
    return samples.get(schema.get("type", ""), f"<{name}>")
