"""One run: its graph, live, and what can be done to it; and one of its nodes as a page."""

from fastapi import APIRouter, Response

from console.models.graph import drawn
from console.models.logs import log_line
from console.models.runs import cause_of, elapsed_ms, node_elapsed_ms, node_rows, node_status, progress, timing_text
from console.visit import ONCE_FIELD, TheForm, TheVisit, Visit, path_part, together

router = APIRouter()

NODE_LINES = 500

FIRST_NODES = 100
"""Rows of the table for readers without scripts; ``?nodes=all`` shows the others, too. All others see it for a blink."""


@router.get("/runs/{run_id}")
async def show_run(visit: TheVisit, run_id: str) -> Response:
    """A run, whole."""
    path = _path(run_id)
    run = await visit.calls.get(path)
    # Read after the run, so that a state of the graph is never older than the place from which the page listens on.
    graph = await visit.calls.get_or(None, f"{path}/graph")
    done, total = progress(run)
    nodes = node_rows(run, visit.now)
    if visit.request.query_params.get("nodes") != "all":
        nodes = nodes[:FIRST_NODES]
    return visit.page(
        "run.html",
        run=run,
        graph=None if graph is None else drawn(graph),
        after=f"{run['rev']}.0",
        cause=cause_of(run),
        nodes=nodes,
        duration_ms=elapsed_ms(run, visit.now),
        done=done,
        total=total,
    )


@router.get("/runs/{run_id}/nodes/{node:path}")
async def show_node(visit: TheVisit, run_id: str, node: str) -> Response:
    """One node of a run: what it was given, what it gave, its attempts and its log."""
    path = _path(run_id)
    run, detail, lines = await together(
        visit.calls.get(path),
        visit.calls.get(f"{path}/nodes/{path_part(node)}"),
        visit.calls.get(f"{path}/logs", node=node, limit=NODE_LINES),
    )
    return visit.page(
        "node_of_run.html",
        run=run,
        node=detail,
        status=node_status(detail),
        duration_ms=node_elapsed_ms(detail, visit.now),
        lines=[log_line(line) for line in lines["items"]],
        attempts=[(each, timing_text(each["timing"])) for each in detail["attempts"]],
        is_top=detail["instance"] in run["nodes"],
    )


@router.post("/runs/{run_id}/cancel")
async def cancel_run(visit: TheVisit, run_id: str, form: TheForm) -> Response:
    """Cancel a run."""
    reason = form.one("reason")
    await visit.calls.post(f"{_path(run_id)}/cancel", {"reason": reason} if reason else None)
    return visit.go(visit.link(f"/runs/{path_part(run_id)}"), "The run is cancelled.")


@router.post("/runs/{run_id}/retry")
async def retry_run(visit: TheVisit, run_id: str, form: TheForm) -> Response:
    """Start a run that goes on where this one failed, and show it."""
    started = await visit.calls.post_once(f"{_path(run_id)}/retry", key=form.one(ONCE_FIELD))
    return _show(visit, started["id"], "This run goes on where the other one failed.")


@router.post("/runs/{run_id}/rerun")
async def rerun_run(visit: TheVisit, run_id: str, form: TheForm) -> Response:
    """Start a run that does this one again, from one of its nodes on or all of it, and show it."""
    from_node = form.one("from")
    body = {"from": from_node or None, "version": form.one("version", "same")}
    started = await visit.calls.post_once(f"{_path(run_id)}/rerun", body, key=form.one(ONCE_FIELD))
    told = f"This run starts again at {from_node}; what was before is taken over." if from_node else "Everything again."
    return _show(visit, started["id"], told)


def _show(visit: Visit, run_id: str, notice: str) -> Response:
    return visit.go(visit.link(f"/runs/{path_part(run_id)}"), notice)


def _path(run_id: str) -> str:
    return f"/api/v1/runs/{path_part(run_id)}"
