"""Every page, as it is without scripts."""

import json
import re
import time
from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest

from console.engine import EngineCalls
from eventing.function_status import FunctionStatus
from flume.ids import Millis

PAGES = (
    "/",
    "/pipelines",
    "/pipelines/new",
    "/pipelines/hello",
    "/pipelines/hello/edit",
    "/pipelines/hello/versions",
    "/pipelines/hello/run",
    "/runs",
    "/logs",
    "/triggers",
    "/nodes",
    "/nodes/http-request",
    "/settings",
)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_a_title_landmarks_and_nothing_inline(filled, path):
    html = await filled.open(path)
    assert re.search(r"<title>[^<]+ · Flume</title>", html)
    assert '<html lang="en"' in html
    assert '<a class="skip" href="#main">' in html
    assert '<main class="page ' in html
    assert html.count("<h1") == 1
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", html)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', html))
    fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", html)
    for field in fields:
        if 'type="hidden"' not in field and "aria-label" not in field:
            assert re.search(r'\sid="([^"]+)"', field).group(1) in labelled, field


@pytest.mark.parametrize("path", ["/", "/pipelines", "/runs", "/logs", "/triggers"])
async def test_an_empty_page_says_what_to_do_first(browser, path):
    await browser.open(path)
    assert re.search(r"No pipelines yet|No runs yet|Nothing was logged yet|No triggers yet", browser.words)


async def test_data_is_never_markup(filled):
    html = await filled.open(f"/runs/{filled.failed}")
    assert "the disk is <full>" in filled.words
    assert "<full>" not in html
    await filled.open("/pipelines/hello")
    assert "Greets <everybody>" in filled.words


async def test_the_dashboard_tells_how_long_runs_of_each_pipeline_take(filled):
    await filled.open("/")
    assert re.search(r"Half within 90 % within hello 1 \d+ ms \d+ ms", filled.words), filled.words


async def test_the_dashboard_tells_how_it_goes(filled):
    await filled.open("/")
    assert "Success rate 50.0 % 1 run failed" in filled.words
    assert "the disk is <full>" in filled.words
    assert "nightly" not in filled.words, "no schedule fires here"


async def test_runs_are_filtered_by_the_address(filled):
    html = await filled.open("/runs?status=failed")
    assert filled.failed in html
    assert filled.completed not in html
    html = await filled.open("/runs?pipeline=hello&period=1h&trigger=manual")
    assert filled.completed in html
    assert filled.failed not in html
    await filled.open("/runs?pipeline=nothing")
    assert "No run fits these filters" in filled.words


async def test_a_long_list_goes_on_at_its_cursor(filled):
    for _ in range(55):
        await filled.run("hello")
    html = await filled.open("/runs?pipeline=hello")
    first = set(re.findall(r'id="run-(\w+)"', html))
    assert len(first) == 50
    more = re.search(r'href="([^"]+)">More runs', html).group(1).replace("&amp;", "&")
    html = await filled.open(more)
    second = set(re.findall(r'id="run-(\w+)"', html))
    assert len(second) == 6
    assert not first & second
    assert "data-live" not in html.partition('id="runs"')[2], "an older page does not change"


async def test_a_failed_run_says_why_and_where(filled):
    html = await filled.open(f"/runs/{filled.failed}")
    assert "the disk is <full> Node fail failed with" in filled.words
    assert f"/runs/{filled.failed}/nodes/fail" in html
    await filled.open(f"/runs/{filled.failed}/nodes/fail")
    assert "the disk is <full>" in filled.words
    assert "Rerun from here" in filled.words


async def test_of_very_many_nodes_the_first_are_listed_for_readers_without_scripts_and_all_on_demand(browser):
    nodes = "\n".join(f"  - {{id: step-{n}, type: template, config: {{template: x}}}}" for n in range(103))
    await browser.save(f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: wide}}\nnodes:\n{nodes}\n")
    run_id = await browser.run("wide")
    html = await browser.open(f"/runs/{run_id}")
    assert html.count(f"/runs/{run_id}/nodes/step-") == 100
    assert "All 103 nodes" in browser.words
    html = await browser.open(f"/runs/{run_id}?nodes=all")
    assert html.count(f"/runs/{run_id}/nodes/step-") == 103
    assert "All 103 nodes" not in browser.words


async def test_the_island_gets_the_run_as_the_api_gives_it_and_what_is_drawn_of_its_graph(filled):
    html = await filled.open(f"/runs/{filled.completed}")
    data = json.loads(re.search(r'id="run-data"[^>]*>(.*?)</script>', html, re.DOTALL).group(1))
    path = f"/api/v1/runs/{filled.completed}"
    assert data["run"] == (await filled.api.get(path)).json()
    given = (await filled.api.get(f"{path}/graph")).json()
    assert data["graph"]["edges"] == [{"from": "greet", "to": "tell", "port": "out"}]
    assert [node["id"] for node in data["graph"]["nodes"]] == [node["id"] for node in given["nodes"]]
    for shown, node in zip(data["graph"]["nodes"], given["nodes"], strict=True):
        assert shown == {name: node[name] for name in ("id", "type", "name", "category", "icon", "maxAttempts")}
    assert re.search(rf'id="run-graph" data-run-id="{filled.completed}" data-namespace="default"', html)
    assert f'data-after="{data["run"]["rev"]}.0"' in html


async def test_a_pipeline_shows_how_it_is_called(filled):
    await filled.open("/pipelines/hello")
    assert "curl 'http://localhost:8000/api/v1/pipelines/hello/invoke'" in filled.words
    await filled.open("/pipelines/waiting")
    assert "http://localhost:8000/hooks/default/tickets" in filled.words
    assert "nightly cron 0 2 * * * Active" in filled.words


async def test_logs_are_searched(filled):
    await filled.open("/logs?q=Ada")
    assert "told Ada" in filled.words
    await filled.open("/logs?level=error")
    assert "No line fits this search" in filled.words


async def test_the_catalogue_is_searched(filled):
    await filled.open("/nodes?q=http+request")
    assert "http-request" in filled.words
    assert "json-transform" not in filled.words


async def test_settings_tell_who_one_is_and_which_secrets_are_missing(filled):
    await filled.open("/settings")
    assert "Orchestrator 1.2.3" in filled.words
    assert "pipeline.create" in filled.words
    assert "Ended runs are kept 30 days" in filled.words


async def test_what_is_not_there_is_a_page_that_says_so(filled):
    await filled.open("/nothing", expected=404)
    assert "There is nothing at /nothing." in filled.words
    await filled.open("/runs/6b059a000dc30d26cd1da22c", expected=404)
    assert "Not found" in filled.words
    await filled.open("/pipelines/unheard-of", expected=404)
    await filled.open("/nodes/unheard-of", expected=404)


async def test_a_missing_script_is_no_page(browser):
    html = await browser.open("/static/dist/assets/gone.js", expected=404)
    assert "<html" not in html


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/dist", "/static/", "/static/x.py"]
)
async def test_no_other_file_is_served(browser, path):
    await browser.open(path, expected=404)


async def test_the_logo_is_served(browser):
    await browser.open("/static/flume.svg")
    assert browser.page.headers["content-type"] == "image/svg+xml"


async def test_the_namespace_stays_in_every_link(filled):
    html = await filled.open("/runs?namespace=team")
    assert "No runs yet" in filled.words
    nav = html.partition("<nav")[2].partition("</nav>")[0]
    links = re.findall(r'href="([^"]+)"', nav)
    assert links
    assert all("namespace=team" in link for link in links)


async def test_every_page_carries_its_policy(browser):
    html = await browser.open("/")
    headers = browser.page.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    nonce = re.search(r"'nonce-([^']+)'", headers["content-security-policy"]).group(1)
    assert nonce not in html or f'nonce="{nonce}"' in html
    again = await browser.client.get("/")
    assert nonce not in again.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nodes", "/"])
async def test_functions_are_shown_with_what_they_can_do_for_the_next_event(filled, path, monkeypatch):
    at = Millis(int(time.time() * 1000) - 60_000)
    ready = FunctionStatus("script", instances=1, ready=1, most=4, in_flight=1, events=1234, cold_starts=1)
    statuses = {
        "script": replace(ready, cold_start_ms=222, last_event_at=at),
        "embedding": replace(ready, name="embedding", instances=0, ready=0, failure="<no> memory"),
    }
    monkeypatch.setattr(filled.orchestrator.functions, "statuses", lambda: statuses)

    await filled.open(path)

    rest = " 1,234 222 ms" if path == "/nodes" else ""
    assert f"script job Ready 1 of 4 1 of 4{rest} 1 min ago" in filled.words
    assert "embedding gpu Failing <no> memory" in filled.words
    assert re.search(r"llm-chat gpu At zero", filled.words)


@pytest.mark.parametrize(
    "mistake", ["inputs: {city: text}", "inputs: [a]", "nodes: [{id: {a: b}}]", "edges: [{from: [a], to: b}]"]
)
async def test_a_draft_with_a_mistake_can_be_looked_at(browser, mistake):
    head = "apiVersion: flume/v1\nkind: Pipeline\nstate: draft\nmetadata: {name: draft}\n"
    nodes = "" if mistake.startswith("nodes") else "nodes: [{id: a, type: log, inputs: {message: x}}]\n"
    answer = await browser.api.post(
        "/api/v1/pipelines",
        content=head + nodes + mistake,
        headers={"Content-Type": "application/yaml"},
    )
    assert answer.status_code == 201, answer.text
    for path in ("/pipelines", "/pipelines/draft", "/pipelines/draft/edit", "/pipelines/draft/run"):
        await browser.open(path)


@pytest.mark.parametrize("query", ["path=/x", "self=1", "status=failed&status=running", "name=a&namespace=team"])
async def test_every_query_leads_back_to_the_same_page(filled, query):
    html = await filled.open(f"/runs?{query}")
    assert f'name="next" value="/runs?{quote(query, safe="=&")}"'.replace("&", "&amp;") in html


@pytest.mark.parametrize("path", ["//evil.example/x", "/%09/evil.example/x", "/%5Cevil.example"])
async def test_no_page_leads_to_another_origin(filled, path):
    html = await filled.open(f"http://localhost:8000{path}", expected=404)
    assert not re.search(r'(?:href|value)="(?://|/\s|/\\|https?:)', html)


@pytest.mark.parametrize("path", ["/static/%00", "/static/a%00.js", f"/static/{'x' * 5000}.js"])
async def test_what_is_no_name_of_a_file_is_not_there(browser, path):
    await browser.open(path, expected=404)


@pytest.mark.parametrize("path", ["/", "/runs", "/logs", "/pipelines/hello", "/settings"])
async def test_every_page_names_the_time_zone_of_its_times(filled, path):
    await filled.open(path)
    assert "Times in UTC" in filled.words
    titles = re.findall(r'<time [^>]*title="([^"]*)"', filled.page.text)
    assert all(title.endswith(" UTC") for title in titles)


@pytest.mark.parametrize(
    ("path", "stream", "kinds"),
    [
        ("/", "/api/v1/events", {"run", "pipeline", "function"}),
        ("/pipelines", "/api/v1/events", {"run", "pipeline"}),
        ("/pipelines/hello", "/api/v1/events?pipeline=hello", {"run", "pipeline"}),
        ("/runs", "/api/v1/events", {"run"}),
        ("/runs?pipeline=hello&status=failed", "/api/v1/events?pipeline=hello", {"run"}),
        ("/logs", "/api/v1/events?logs=true", {"log"}),
        ("/logs?pipeline=hello", "/api/v1/events?pipeline=hello&logs=true", {"log"}),
        ("/triggers", "/api/v1/events", {"run", "pipeline"}),
        ("/nodes", "/api/v1/events", {"function"}),
    ],
)
async def test_a_page_listens_only_for_what_it_shows(filled, path, stream, kinds):
    html = await filled.open(path)
    assert unescape(re.search(r'data-live="([^"]*)"', html).group(1)) == stream
    assert set(re.search(r'data-live-of="([^"]*)"', html).group(1).split()) == kinds


async def test_a_list_of_some_states_listens_for_those(filled):
    assert 'data-live-status="failed cancelled"' in await filled.open("/runs?status=cancelled&status=failed")


async def test_versions_have_no_author_where_nobody_is_known(filled):
    await filled.open("/pipelines/hello/versions")
    assert ">By<" not in filled.page.text


async def test_the_durations_of_nodes_are_asked_for_once(filled, monkeypatch):
    asked = []
    send = EngineCalls.send

    async def counted(self, method, path, **options):
        asked.append(path)
        return await send(self, method, path, **options)

    monkeypatch.setattr(EngineCalls, "send", counted)
    await filled.open("/pipelines/hello")
    assert asked.count("/api/v1/stats") == 1
    assert len(re.findall(r'class="spark"', filled.page.text)) == 2, "one for each node"


async def test_the_editor_has_what_it_begins_with_in_its_page_and_a_form_beside(filled):
    html = await filled.open("/pipelines/hello/edit")
    found = re.search(r'id="editor-data"[^>]*>(.*?)</script>', html, re.DOTALL)
    start = json.loads(found.group(1))
    text = (await filled.api.get("/api/v1/pipelines/hello", headers={"Accept": "application/yaml"})).text
    assert (start["saved"]["name"], start["saved"]["text"]) == ("hello", text)
    assert "http-request" in [each["name"] for each in start["nodeTypes"]]
    assert "CronTrigger" in start["schema"]["$defs"]
    assert "<textarea" in html
    assert "editor-data" not in await filled.open("/pipelines/hello/edit?view=text")
