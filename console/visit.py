"""One request for a page: who looks, what they may call, and how the answer is made."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.engine import Engine, EngineCalls, EngineRefusal, EngineUnreachable
from console.gate import MAX_BODY_BYTES
from console.rendering import Renderer, filters_at, link_to, own_path, path_part
from console.visitors import (
    Notice,
    form_key_of,
    is_own_form,
    leave_notice,
    notice_of,
    remember_form_key,
    take_notice,
    theme_of,
    visitor_of,
)

FORM_FIELD = "form_key"

ONCE_FIELD = "once"
"""By its value a form that starts runs is known again when it is sent twice: each page has another one."""

READER = "view"
"""The role of a token that may look at everything and change nothing."""

OUTDATED = "This form was too old, or came from elsewhere. It is a new one now: send it again."

PATH_CHARACTERS = "/:@!$&'()*+,;="
"""What a path may hold besides letters and digits."""

MAX_FIELDS = 2000
MAX_FORM_BYTES = MAX_BODY_BYTES - 64 * 1024
"""What people may write, counted in a form's values: what is between them needs room, too."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all requests have in common. ``api_url`` is where the API is for others; empty: where the console is."""

    engine: Engine
    renderer: Renderer
    clock: Callable[[], datetime]
    api_url: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request together with what its view needs."""

    request: Request
    site: Site
    calls: EngineCalls
    now: datetime
    namespace: str
    is_logged_in: bool
    may_change: bool = True
    """Whether buttons that change something are there for this visitor. The orchestrator decides; this only tells."""

    @property
    def api_url(self) -> str:
        """The address of the API, to be shown to people."""
        return self.site.api_url or str(self.request.base_url).rstrip("/")

    @property
    def address(self) -> str:
        """Where the visitor is, as a link: with the whole query, in the same namespace."""
        query = self.request.query_params
        given = {name: query.getlist(name) for name in query if name != "namespace"}
        return self.link(own_path(quote(self.request.url.path, safe=PATH_CHARACTERS)), **given)

    # Names before the slash are free to be names of the query.
    def link(self, path: str, /, **query: Any) -> str:
        """An address of the console in the same namespace."""
        return link_to(path, self.namespace, query)

    def api_link(self, path: str, /, **query: Any) -> str:
        """An address of the API in the same namespace, for the browser."""
        return link_to(f"/api/v1{path}", self.namespace, query)

    def page(self, template: str, *, http_status: int = 200, **values: Any) -> HTMLResponse:
        """A page as the answer."""
        request = self.request
        common = {
            "here": request.url.path,
            "address": self.address,
            "link": self.link,
            "api_link": self.api_link,
            "namespace": self.namespace,
            "is_logged_in": self.is_logged_in,
            "may_change": self.may_change,
            "most_bytes": MAX_FORM_BYTES,
            "nonce": request.state.nonce,
            "theme": theme_of(request),
            "form_key": form_key_of(request),
            ONCE_FIELD: token_hex(16),
            "notice": notice_of(request),
            "version": self.site.version,
            "now": self.now,
            **filters_at(self.now),
        }
        response = HTMLResponse(self.site.renderer.render(template, {**common, **values}), http_status)
        remember_form_key(request, response)
        take_notice(request, response)
        return response

    def go(self, address: str, notice: str = "", *, is_failure: bool = False) -> Response:
        """Send the browser to another page, which tells ``notice``."""
        response = RedirectResponse(address, 303)
        if notice:
            leave_notice(self.request, response, Notice(notice, "failed" if is_failure else "done"))
        return response


async def current_visit(request: Request) -> Visit:
    """The visit that a request is."""
    visit = visit_of(request)
    return replace(visit, may_change=await _may_change(visit)) if visit.is_logged_in else visit


async def _may_change(visit: Visit) -> bool:
    try:
        caller = await visit.calls.get("/api/v1/caller")
    except (EngineRefusal, EngineUnreachable):
        # What the page itself calls is told what is wrong, and tells it better.
        return True
    return bool(caller["role"] != READER)


def visit_of(request: Request) -> Visit:
    """The same for what is no view, such as the pages that tell an error."""
    site: Site = request.app.state.site
    visitor = visitor_of(request)
    return Visit(
        request, site, site.engine.calls(visitor), site.clock(), visitor.namespace, is_logged_in=bool(visitor.token)
    )


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent. Of a field that came several times, ``one`` gives the last.

    ``is_ours``: it came from a page of ours, made for this visitor; of any other nothing may be done.
    """

    fields: Mapping[str, list[str]]
    files: Mapping[str, bytes]
    is_ours: bool

    def one(self, name: str, default: str = "") -> str:
        """The value of a field."""
        values = self.fields.get(name)
        return values[-1] if values else default

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return self.fields.get(name, [])

    def flat(self) -> dict[str, str]:
        """Each field with its last value."""
        return {name: values[-1] for name, values in self.fields.items()}


async def typed_form(request: Request) -> Form:
    """The form of a POST that holds what people wrote: their view looks at ``is_ours``, and gives it back if it is not."""
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_BODY_BYTES) as sent:
        fields: dict[str, list[str]] = {}
        files: dict[str, bytes] = {}
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                fields.setdefault(name, []).append(value)
    is_from_script = request.headers.get("x-flume-console") == "1"
    key = fields.get(FORM_FIELD, [""])[-1]
    return Form(fields, files, is_ours=is_from_script or is_own_form(request, key))


async def sent_form(request: Request) -> Form:
    """The form of a POST, which has to come from a page of ours. Raises `HTTPException` if it does not."""
    form = await typed_form(request)
    if not form.is_ours:
        raise HTTPException(403, "this form is too old, or came from elsewhere; load the page again and repeat it")
    return form


TheVisit = Annotated[Visit, Depends(current_visit)]
TheForm = Annotated[Form, Depends(sent_form)]
TheTypedForm = Annotated[Form, Depends(typed_form)]


async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """What several calls give, made at the same time. The first that fails cancels the others, and its error is raised.

    Not a task group's group of errors: a page tells one.
    """
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


__all__ = [
    "FORM_FIELD",
    "OUTDATED",
    "Form",
    "Site",
    "TheForm",
    "TheTypedForm",
    "TheVisit",
    "Visit",
    "current_visit",
    "path_part",
    "sent_form",
    "together",
    "typed_form",
    "visit_of",
]
