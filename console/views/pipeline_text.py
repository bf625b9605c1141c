"""The text of a pipeline: written anew, imported, checked, changed and saved, without losing what others saved meanwhile."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from console.engine import EngineCalls, EngineRefusal, EngineUnreachable
from console.models import Json
from console.models.editor import editor_start
from console.models.texts import compare, findings_of, source_lines
from console.refusals import why_not
from console.starters import STARTERS, starter
from console.visit import OUTDATED, Form, TheTypedForm, TheVisit, Visit, path_part, together

router = APIRouter()

YAML = "application/yaml"


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that somebody works on. ``name`` is empty for a new pipeline; ``etag`` is that of what it began from."""

    text: str
    name: str = ""
    etag: str = ""


@router.get("/pipelines/new")
async def new_pipeline(visit: TheVisit, example: str = "", view: str = "") -> Response:
    """An editor with an example in it; with ``view=text`` the one for text alone."""
    draft = Draft(starter(example))
    return _editor(visit, draft, example=example, start=await _start(visit, draft, view))


@router.post("/pipelines/new")
async def create_pipeline(visit: TheVisit, form: TheTypedForm) -> Response:
    """Save a new pipeline, out of the editor or out of a file."""
    draft = Draft(_text_in(form))
    if not form.is_ours:
        return _editor(visit, draft, status=403, told=OUTDATED)
    return await _keeping(visit, draft, _checked(visit, draft) if form.one("act") == "check" else _create(visit, draft))


async def _create(visit: Visit, draft: Draft) -> Response:
    saved = (await visit.calls.send("POST", "/api/v1/pipelines", **_yaml(draft.text))).json()
    return visit.go(visit.link(f"/pipelines/{path_part(saved['name'])}"), f"{saved['name']} is saved.")


@router.get("/pipelines/{name}/edit")
async def edit_pipeline(visit: TheVisit, name: str, view: str = "") -> Response:
    """The editor of a pipeline, whose text is as it was written; with ``view=text`` the one for text alone."""
    found = await visit.calls.text(_path(name))
    draft = Draft(found.text, name, found.headers["etag"])
    findings, start = await together(_find(visit.calls, found.text), _start(visit, draft, view))
    return _editor(visit, draft, findings=findings, start=start)


@router.post("/pipelines/{name}/edit")
async def save_pipeline(visit: TheVisit, name: str, form: TheTypedForm) -> Response:
    """Save it, unless it is wrong or somebody else was faster."""
    draft = Draft(_text_in(form), name, form.one("etag"))
    if not form.is_ours:
        return _editor(visit, draft, status=403, told=OUTDATED)
    return await _keeping(visit, draft, _checked(visit, draft) if form.one("act") == "check" else _save(visit, draft))


async def _save(visit: Visit, draft: Draft) -> Response:
    headers = {"If-Match": draft.etag, "Content-Type": YAML}
    try:
        answer = await visit.calls.send("PUT", _path(draft.name), content=draft.text.encode(), headers=headers)
    except EngineRefusal as refusal:
        if refusal.status != 412:
            raise
        return await _conflict(visit, draft)
    version = answer.json()["version"]
    told = f"Saved as version {version}." if version else "Saved as a draft."
    return visit.go(visit.link(f"/pipelines/{path_part(draft.name)}"), told)


async def _conflict(visit: Visit, draft: Draft) -> Response:
    """The editor with what was typed, what others saved in the meantime, and the way to save over it."""
    theirs = await visit.calls.text(_path(draft.name))
    lines = await asyncio.to_thread(compare, theirs.text, draft.text)
    return _editor(visit, Draft(draft.text, draft.name, theirs.headers["etag"]), status=409, conflict=lines)


async def _checked(visit: Visit, draft: Draft) -> Response:
    findings = await _find(visit.calls, draft.text)
    return _editor(visit, draft, findings=findings, is_checked=True)


async def _keeping(visit: Visit, draft: Draft, answering: Awaitable[Response]) -> Response:
    """The answer, or the editor with what was typed and why nothing came of it: a page of an error would lose the text."""
    try:
        return await answering
    except (EngineRefusal, EngineUnreachable) as error:
        problems = error.problems if isinstance(error, EngineRefusal) else []
        told = "" if problems else why_not(error)
        return _editor(visit, draft, status=error.page_status, findings=findings_of(problems), told=told)


async def _start(visit: Visit, draft: Draft, view: str) -> Json | None:
    """What the visual editor begins with; None where the form is wanted."""
    if view == "text":
        return None
    node_types = await visit.calls.get("/api/v1/nodes")
    saved = {"name": draft.name, "text": draft.text, "etag": draft.etag}
    return editor_start(saved, node_types, namespace=visit.namespace, may_change=visit.may_change)


async def _find(calls: EngineCalls, text: str) -> list[Any]:
    answer = (await calls.send("POST", "/api/v1/pipelines:validate", **_yaml(text))).json()
    return findings_of(answer["problems"])


def _editor(
    visit: Visit,
    draft: Draft,
    *,
    status: int = 200,
    findings: list[Any] | None = None,
    conflict: list[Any] | None = None,
    is_checked: bool = False,
    told: str = "",
    example: str = "",
    start: Json | None = None,
) -> Response:
    findings = findings or []
    return visit.page(
        "editor.html",
        http_status=status,
        draft=draft,
        findings=findings,
        lines=source_lines(draft.text, findings) if findings else [],
        conflict=conflict,
        is_checked=is_checked,
        told=told,
        starters=STARTERS,
        example=example,
        start=start,
    )


def _text_in(form: Form) -> str:
    """What was typed, or the file that was chosen. Browsers send line breaks as CR LF."""
    file = form.files.get("file")
    text = file.decode(errors="replace") if file else form.one("text")
    return text.replace("\r\n", "\n")


def _yaml(text: str) -> dict[str, Any]:
    return {"content": text.encode(), "headers": {"Content-Type": YAML}}


def _path(name: str) -> str:
    return f"/api/v1/pipelines/{path_part(name)}"
