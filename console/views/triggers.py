"""The triggers of all pipelines: when they fire, switching them on and off, and firing one by hand."""

from fastapi import APIRouter, Response

from console.models.pipelines import trigger_text
from console.visit import TheForm, TheVisit, path_part

router = APIRouter()


@router.get("/triggers")
async def list_triggers(visit: TheVisit, cursor: str = "") -> Response:
    """Triggers by pipeline."""
    page = await visit.calls.get("/api/v1/triggers", limit=200, cursor=cursor)
    return visit.page(
        "triggers.html",
        triggers=[(each, trigger_text(each)) for each in page["items"]],
        cursor=cursor,
        next_cursor=page["nextCursor"],
    )


@router.post("/triggers/{pipeline}/{id}/fire")
async def fire_trigger(visit: TheVisit, pipeline: str, id: str, form: TheForm) -> Response:
    """Start a run as the trigger would, and show it."""
    started = await visit.calls.post(f"{_path(pipeline, id)}/fire")
    return visit.go(visit.link(f"/runs/{path_part(started['id'])}"), f"{id} of {pipeline} was fired by hand.")


@router.post("/triggers/{pipeline}/{id}/switch")
async def switch_trigger(visit: TheVisit, pipeline: str, id: str, form: TheForm) -> Response:
    """Switch a trigger on or off."""
    is_on = form.one("enabled") == "true"
    await visit.calls.send("PATCH", _path(pipeline, id), body={"enabled": is_on})
    back = f"/pipelines/{path_part(pipeline)}" if form.one("back") == "pipeline" else "/triggers"
    return visit.go(visit.link(back), f"{id} of {pipeline} is switched {'on' if is_on else 'off'}.")


def _path(pipeline: str, id: str) -> str:
    return f"/api/v1/triggers/{path_part(pipeline)}/{path_part(id)}"
