"""One pipeline: graph, triggers, runs and durations; its versions; the form that runs it; and what can be done to it."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from console.engine import EngineRefusal, EngineUnreachable
from console.models import Json
from console.models.graph import graph_of
from console.models.pipelines import curl_line, trigger_text
from console.models.run_form import fields_as_typed, make_fields, read_form
from console.models.runs import run_row
from console.models.statistics import (
    DEFAULT_WINDOW,
    TREND_PARTS,
    WINDOWS,
    intervals_of,
    node_times,
    totals_of,
    window_end,
    window_start,
)
from console.models.texts import compare
from console.plots import Line
from console.refusals import why_not
from console.visit import OUTDATED, TheForm, TheTypedForm, TheVisit, Visit, path_part, together

router = APIRouter()

SHOWN_RUNS = 10
VERSIONS = 50


@router.get("/pipelines/{name}")
async def show_pipeline(visit: TheVisit, name: str, window: str = DEFAULT_WINDOW) -> Response:
    """What a pipeline is, what starts it, and how it does."""
    window = window if window in WINDOWS else DEFAULT_WINDOW
    since = window_start(window, visit.now)
    pipeline, node_types, triggers, runs, statistics = await together(
        visit.calls.get(_path(name)),
        visit.calls.get("/api/v1/nodes"),
        visit.calls.get("/api/v1/triggers", limit=500),
        visit.calls.get("/api/v1/runs", pipeline=name, limit=SHOWN_RUNS),
        visit.calls.get(
            "/api/v1/stats",
            pipeline=name,
            since=since.isoformat(),
            until=window_end(window, visit.now).isoformat(),
            interval=WINDOWS[window][2],
            nodeParts=TREND_PARTS,
        ),
    )
    intervals = intervals_of(statistics, window, visit.now)
    definition = pipeline["definition"]
    return visit.page(
        "pipeline.html",
        pipeline=pipeline,
        graph=graph_of(definition, {each["name"]: each for each in node_types["items"]}),
        window=window,
        windows=list(WINDOWS),
        intervals=intervals,
        since=since,
        totals=totals_of(statistics),
        lines=[
            Line("half within", "p50", [each.p50 for each in intervals]),
            Line("90 % within", "p90", [each.p90 for each in intervals]),
        ],
        nodes=node_times(statistics),
        triggers=[(each, trigger_text(each)) for each in triggers["items"] if each["pipeline"] == name],
        curl=curl_line(visit.api_url, name, visit.namespace, _inputs(pipeline), needs_token=visit.is_logged_in),
        runs=[run_row(run, visit.now) for run in runs["items"]],
    )


@router.get("/pipelines/{name}/versions")
async def show_versions(visit: TheVisit, name: str, earlier: int = 0, later: int = 0) -> Response:
    """The versions of a pipeline, and what changed between two of them: the last two unless others are named."""
    pipeline, page = await together(
        visit.calls.get(_path(name)), visit.calls.get(f"{_path(name)}/versions", limit=VERSIONS)
    )
    versions = page["items"]
    later = later or pipeline["version"]
    earlier = earlier or later - 1
    lines = None
    if earlier > 0:
        before, after = await together(_text_of(visit, name, earlier), _text_of(visit, name, later))
        lines = await asyncio.to_thread(compare, before, after)
    return visit.page(
        "versions.html",
        pipeline=pipeline,
        versions=versions,
        earlier=earlier,
        later=later,
        lines=lines,
        # An orchestrator that asks nobody for a token knows no names.
        is_signed=any(each["createdBy"] for each in versions),
    )


@router.post("/pipelines/{name}/versions/{version}/restore")
async def restore_version(visit: TheVisit, name: str, version: int, form: TheForm) -> Response:
    """Make an old version the newest."""
    restored = await visit.calls.post(f"{_path(name)}/versions/{version}/restore")
    notice = f"The text of version {version} is version {restored['version']} now."
    return visit.go(visit.link(f"/pipelines/{path_part(name)}/versions"), notice)


@router.get("/pipelines/{name}/run")
async def show_run_form(visit: TheVisit, name: str) -> Response:
    """The form that starts a run."""
    pipeline = await visit.calls.get(_path(name))
    return _run_form(visit, pipeline, make_fields(_inputs(pipeline)))


@router.post("/pipelines/{name}/run")
async def start_run(visit: TheVisit, name: str, form: TheTypedForm) -> Response:
    """Start a run with what the form holds, and show it; or the form again, with what is wrong."""
    try:
        pipeline = await visit.calls.get(_path(name))
    except (EngineRefusal, EngineUnreachable) as error:
        # The schemas of the inputs are not to be had, so that each is given back as text.
        nothing_known = {"name": name, "description": ""}
        return _run_form(visit, nothing_known, fields_as_typed(form.flat()), refusal=Refused.by(error))
    inputs = _inputs(pipeline)
    fields = make_fields(inputs, form.flat())
    if not form.is_ours:
        return _run_form(visit, pipeline, fields, refusal=Refused(403, OUTDATED))
    values, errors = read_form(inputs, form.flat())
    if errors:
        return _run_form(visit, pipeline, fields, errors=errors)
    try:
        started = await visit.calls.post(f"{_path(name)}/invoke", values)
    except (EngineRefusal, EngineUnreachable) as error:
        return _run_form(visit, pipeline, fields, refusal=Refused.by(error))
    return visit.go(visit.link(f"/runs/{path_part(started['id'])}"))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why no run was started."""

    status: int
    told: str

    @classmethod
    def by(cls, error: EngineRefusal | EngineUnreachable) -> "Refused":
        """What the orchestrator, or nobody, answered. What is wrong with a form is 422, whatever the API calls it."""
        return cls(422 if error.page_status == 400 else error.page_status, why_not(error))


def _run_form(
    visit: Visit, pipeline: Json, fields: list[Any], errors: Json | None = None, refusal: Refused | None = None
) -> Response:
    return visit.page(
        "run_form.html",
        http_status=refusal.status if refusal else 422 if errors else 200,
        pipeline=pipeline,
        fields=fields,
        errors=errors or {},
        refusal=refusal.told if refusal else "",
    )


@router.post("/pipelines/{name}/pause")
async def pause_pipeline(visit: TheVisit, name: str, form: TheForm) -> Response:
    """Pause a pipeline."""
    return await _change(visit, name, "pause", form.one("back"), f"{name} is paused: its triggers do nothing.")


@router.post("/pipelines/{name}/resume")
async def resume_pipeline(visit: TheVisit, name: str, form: TheForm) -> Response:
    """Resume a pipeline."""
    return await _change(visit, name, "resume", form.one("back"), f"{name} is active: its triggers work again.")


@router.post("/pipelines/{name}/activate")
async def activate_pipeline(visit: TheVisit, name: str, form: TheForm) -> Response:
    """Make a draft active."""
    return await _change(visit, name, "activate", form.one("back"), f"{name} is active.")


@router.post("/pipelines/{name}/delete")
async def delete_pipeline(visit: TheVisit, name: str, form: TheForm) -> Response:
    """Delete a pipeline."""
    await visit.calls.send("DELETE", _path(name))
    return visit.go(visit.link("/pipelines"), f"{name} is deleted. Its runs stay.")


async def _change(visit: Visit, name: str, act: str, back: str, notice: str) -> Response:
    await visit.calls.post(f"{_path(name)}/{act}")
    return visit.go(visit.link("/pipelines" if back == "list" else f"/pipelines/{path_part(name)}"), notice)


async def _text_of(visit: Visit, name: str, version: int) -> str:
    return (await visit.calls.text(f"{_path(name)}/versions/{version}")).text


def _inputs(pipeline: Json) -> Any:
    return pipeline["definition"].get("inputs")


def _path(name: str) -> str:
    return f"/api/v1/pipelines/{path_part(name)}"
