"""Logging in and out, and the API through the console."""

import asyncio
import re

import httpx
import pytest

from console.app import create_console
from console.assets import Assets
from console.engine import Engine
from console.gate import Doors
from console.in_process import InProcessTransport

HELLO = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello}
nodes:
  - {id: greet, type: template, config: {template: "Hello"}}
"""

TOKEN = "a-token-for-all"


@pytest.fixture
async def guarded(open_console):
    async with open_console(tokens=f"{TOKEN} reader:*:view other:team:edit") as browser:
        browser.token = TOKEN
        await browser.save(HELLO)
        yield browser


async def log_in(browser, token=TOKEN, **options):
    await browser.open("/login")
    await browser.send("/login", token=token, **options)


async def test_whoever_has_no_token_is_asked_for_one_and_comes_back(guarded):
    answer = await guarded.client.get("/runs?status=failed")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fruns%3Fstatus%3Dfailed"
    await guarded.open(answer.headers["location"])
    await guarded.send("/login", token=TOKEN, next="/runs?status=failed")
    assert guarded.path == "/runs"
    assert "Log out" in guarded.page.text


async def test_a_wrong_token_is_told_and_not_kept(guarded):
    await guarded.open("/login")
    for wrong in ("guessed", "", "with blanks and ü", "x" * 5000):
        await guarded.send("/login", expected=401, token=wrong)
        assert "flume_token" not in guarded.client.cookies
    assert "This token is not known here." in guarded.words


async def test_logging_out_ends_it(guarded):
    await log_in(guarded)
    await guarded.open("/pipelines")
    await guarded.send("/logout")
    assert "You are logged out." in guarded.words
    assert "flume_token" not in guarded.client.cookies
    answer = await guarded.client.get("/pipelines")
    assert answer.status_code == 303


async def test_a_token_that_is_taken_away_asks_again(guarded):
    answer = await guarded.client.get("/pipelines", headers={"Cookie": "flume_token=taken-away"})
    assert answer.headers["location"].startswith("/login")
    assert 'flume_token=""' in answer.headers["set-cookie"]


async def test_a_link_from_elsewhere_loads_itself_again_to_bring_the_cookie(guarded):
    html = await guarded.open("/runs", **{"Sec-Fetch-Site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0">' in html


async def test_a_reader_can_change_nothing(guarded):
    await log_in(guarded, "reader")
    await guarded.open("/pipelines/hello")
    await guarded.send("/pipelines/hello/pause", expected=403)
    assert "Not allowed" in guarded.words
    await guarded.open("/settings")
    assert "role view" in guarded.words


async def test_an_administrator_sees_tokens_by_name_alone(guarded):
    await log_in(guarded)
    await guarded.open("/settings")
    assert "token-2 view all" in guarded.words
    assert TOKEN not in guarded.page.text


async def test_a_token_that_is_bound_to_a_namespace_begins_there(guarded):
    await log_in(guarded, "other")
    assert "No pipelines yet" in guarded.words
    html = await guarded.open("/runs")
    assert 'href="/logs?namespace=team"' in html
    await guarded.open("/pipelines?namespace=default", expected=404)
    assert "this token is bound to others" in guarded.words
    await guarded.send("/logout")
    assert "flume_namespace" not in guarded.client.cookies


async def test_the_api_is_passed_on_with_the_token_of_the_cookie(guarded):
    assert (await guarded.client.get("/api/v1/pipelines")).status_code == 401
    await log_in(guarded)
    answer = await guarded.client.get("/api/v1/pipelines?limit=1")
    assert [each["name"] for each in answer.json()["items"]] == ["hello"]
    assert (await guarded.client.get("/api/v1/pipelines?nothing=1")).json()["code"] == "unknown-parameter"


async def test_a_call_through_the_console_that_changes_something_wants_its_header(guarded):
    await log_in(guarded)
    path = "/api/v1/pipelines/hello/invoke"
    refused = await guarded.client.post(path, json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign-origin")
    started = await guarded.client.post(path, json={}, headers={"X-Flume-Console": "1", "Prefer": "wait=20"})
    assert (started.status_code, started.json()["output"]) == (200, "Hello")
    assert started.headers["flume-run"]


async def test_a_token_in_the_header_needs_no_console(guarded):
    await log_in(guarded)
    answer = await guarded.client.post(
        "/api/v1/pipelines/hello/invoke", json={}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 202


async def test_live_events_pass_when_they_happen(guarded):
    await log_in(guarded)
    async with guarded.client.stream("GET", "/api/v1/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.headers
        lines = stream.aiter_lines()
        async with asyncio.timeout(10):
            assert await anext(lines) == ": still here"
            await guarded.run("hello", wait=0)
            async for line in lines:
                if line.startswith("event: "):
                    assert line == "event: run"
                    break


async def test_a_reader_who_leaves_ends_the_stream_behind(guarded):
    await log_in(guarded)
    bus = guarded.orchestrator.bus
    async with guarded.client.stream("GET", "/api/v1/events") as stream:
        await anext(stream.aiter_lines())
        assert any(bus.__dict__.values())
    calls = [task for task in asyncio.all_tasks() if task.get_name() == "in-process call"]
    assert calls == []


async def test_an_orchestrator_that_is_away_is_a_page():
    console = create_console(Engine.at("http://127.0.0.1:9"), Assets.none(), Doors(), version="1")
    transport = InProcessTransport(console)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/runs")
        assert answer.status_code == 502
        assert "The orchestrator does not answer" in answer.text
        assert "flume orchestrator" in answer.text
        assert "127.0.0.1:9" not in answer.text
        passed = await client.get("/api/v1/runs")
        assert (passed.status_code, passed.json()["code"]) == (502, "unreachable")
        assert "127.0.0.1:9" not in passed.text


@pytest.mark.parametrize("status", [302, 599, 418])
async def test_every_answer_of_what_stands_before_the_orchestrator_is_a_page(status):
    engine = Engine.at("http://proxy", transport=httpx.MockTransport(lambda request: httpx.Response(status)))
    transport = InProcessTransport(create_console(engine, Assets.none(), Doors(), version="1"))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/runs")
    assert answer.status_code == (502 if status == 302 else status)
    assert "<h1" in answer.text


@pytest.mark.parametrize("path", ["/api/%2e%2e/metrics", "/api/v1/..%2f..%2fmetrics", "/api/%2e/x"])
async def test_no_path_leads_out_of_the_api(guarded, path):
    await log_in(guarded)
    url = httpx.URL("http://localhost:8000").copy_with(raw_path=path.encode())
    answer = await guarded.client.get(url)
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is nothing at this path")


async def test_whoever_is_asked_for_a_token_comes_back_to_all_filters(guarded):
    answer = await guarded.client.get("/runs?status=failed&status=running")
    assert answer.headers["location"] == "/login?next=%2Fruns%3Fstatus%3Dfailed%26status%3Drunning"


@pytest.mark.parametrize(
    ("token", "status", "told"), [("taken-away", 401, "not logged in any more"), ("reader", 403, "")]
)
@pytest.mark.parametrize("path", ["/pipelines/new", "/pipelines/hello/edit"])
async def test_a_text_that_could_not_be_saved_is_not_lost(guarded, path, token, status, told):
    await log_in(guarded)
    await guarded.open("/pipelines/new")
    form_key = guarded.client.cookies["flume_form"]
    guarded.client.cookies.clear()
    cookies = {"Cookie": f"flume_token={token}; flume_form={form_key}"}
    html = await guarded.send(path, expected=status, headers=cookies, text=HELLO + "# mine", act="save", etag="*")
    assert "# mine</textarea>" in html
    assert told in guarded.words
    assert 'role="alert"' in html


async def test_what_was_typed_for_a_run_survives_the_end_of_the_session(guarded):
    await log_in(guarded)
    await guarded.open("/pipelines/hello/run")
    form_key = guarded.client.cookies["flume_form"]
    guarded.client.cookies.clear()
    gone = {"Cookie": f"flume_token=taken-away; flume_form={form_key}"}
    typed = {"input.name": "Grace <3", "input.count": "2"}
    html = await guarded.send("/pipelines/hello/run", expected=401, headers=gone, **typed)
    assert "Grace &lt;3</textarea>" in html
    assert "Log in in another tab" in guarded.words
    back = {"Cookie": f"flume_token={TOKEN}; flume_form={form_key}"}
    answer = await guarded.send("/pipelines/hello/run", expected=303, follow=False, headers=back, **typed)
    assert guarded.page.headers["location"].startswith("/runs/"), answer


PLACES = (
    "/",
    "/pipelines",
    "/pipelines/hello",
    "/pipelines/hello/versions",
    "/pipelines/hello/edit",
    "/runs",
    "/triggers",
)


@pytest.mark.parametrize("place", [*PLACES, "/pipelines/hello/run", "run", "node"])
async def test_a_reader_sees_no_button_that_does_nothing_for_them(guarded, place):
    headers = {"Content-Type": "application/yaml", "Authorization": f"Bearer {TOKEN}"}
    await guarded.api.put("/api/v1/pipelines/hello", content=HELLO.replace('"Hello"', '"Hi"'), headers=headers)
    run = await guarded.run("hello")
    address = {"run": f"/runs/{run}", "node": f"/runs/{run}/nodes/greet"}.get(place, place)
    await log_in(guarded, "reader")
    html = await guarded.open(address)
    assert "View only" in guarded.words
    acting = [form for form in re.findall(r'<form method="post".*?</form>', html, re.DOTALL) if not _is_for_all(form)]
    alive = [button for form in acting for button in re.findall(r"<button[^>]*>", form) if " disabled" not in button]
    assert [button for button in alive if 'value="check"' not in button] == []
    assert all("role view" in button for button in re.findall(r"<button[^>]* disabled[^>]*>", html))
    for leads_to_acting in ('href="/pipelines/new"', 'href="/pipelines/hello/run"'):
        assert leads_to_acting not in html


def _is_for_all(form):
    """Forms of every page: the theme, and logging out."""
    return 'action="/theme"' in form or 'action="/logout"' in form


async def test_whoever_may_change_things_finds_every_button_alive(guarded):
    await log_in(guarded)
    for place in PLACES:
        assert " disabled" not in await guarded.open(place)
        assert "View only" not in guarded.words


@pytest.mark.parametrize(("tokens", "status"), [("", 503), (TOKEN, 303)])
async def test_a_console_that_others_can_reach_wants_an_orchestrator_that_asks_for_tokens(open_console, tokens, status):
    async with open_console(tokens=tokens, is_guarded=True) as browser:
        answer = await browser.client.get("/runs", headers={"Cookie": "flume_token=made-up"})
        assert answer.status_code == status
        if status == 503:
            assert "FLUME_API_TOKEN" in answer.text


async def test_a_host_that_is_not_ours_sees_nothing(guarded):
    answer = await guarded.client.get("/runs", headers={"Host": "evil.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize("path", ["/pipelines/new", "/api/v1/pipelines"])
async def test_a_body_without_an_end_is_given_up(guarded, path):
    await log_in(guarded)

    async def endless():
        for _ in range(200):
            yield b"x" * 100_000

    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Flume-Console": "1"}
    answer = await guarded.client.post(path, content=endless(), headers=headers)
    assert answer.status_code == 413


async def test_a_probe_is_answered_by_the_process_alone_whoever_may_come_in():
    engine = Engine.at("http://127.0.0.1:9")
    console = create_console(engine, Assets.of_vite("http://localhost:5173"), Doors(), version="1", is_guarded=True)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(console), base_url="http://10.1.2.3:8080") as client:
            answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert "content-security-policy" in answer.headers
    finally:
        await engine.close()
