"""What people do in the console, as forms that need no script."""

import re

import pytest

CALLED = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: called}
inputs:
  name: {type: string}
triggers:
  - {type: webhook, path: called}
nodes:
  - {id: greet, type: template, config: {template: "Hello {{ inputs.name }}"}}
"""


async def status_of(browser, run_id):
    return (await browser.api.get(f"/api/v1/runs/{run_id}")).json()["status"]


async def test_a_run_is_started_with_what_was_typed(filled):
    await filled.open("/pipelines/hello/run")
    await filled.send("/pipelines/hello/run", **{"input.name": "Grace", "input.count": "3"})
    assert filled.path.startswith("/runs/")
    run = (await filled.api.get(f"/api/v1{filled.path}")).json()
    assert run["inputs"] == {"name": "Grace", "count": 3}


async def test_a_value_that_does_not_fit_keeps_the_form(filled):
    await filled.open("/pipelines/hello/run")
    html = await filled.send("/pipelines/hello/run", expected=422, **{"input.name": "Grace", "input.count": "0"})
    assert "expected at least 1" in filled.words
    assert 'value="Grace"' in html
    html = await filled.send("/pipelines/hello/run", expected=422, **{"input.name": "Grace", "input.count": "x"})
    assert "expected a number" in filled.words
    assert 'aria-invalid="true"' in html


async def test_a_run_is_cancelled_and_retried(filled):
    await filled.open(f"/runs/{filled.waiting}")
    await filled.send(f"/runs/{filled.waiting}/cancel")
    assert await status_of(filled, filled.waiting) == "cancelled"
    assert "The run is cancelled." in filled.words
    await filled.send(f"/runs/{filled.failed}/retry")
    assert filled.path != f"/runs/{filled.failed}"
    assert f"/runs/{filled.failed}" in filled.page.text, "the new run names the one that it goes on from"


@pytest.mark.parametrize("act", ["retry", "rerun"])
async def test_a_form_that_starts_a_run_again_does_so_once_however_often_it_is_sent(filled, act):
    starts = []
    for _ in range(2):
        html = await filled.open(f"/runs/{filled.failed}")
        once = re.search(rf'/{act}">.*?name="once" value="([^"]+)"', html).group(1)
        for _ in range(2):
            await filled.send(f"/runs/{filled.failed}/{act}", once=once)
            starts.append(filled.path)
    assert starts[0] == starts[1] != starts[2] == starts[3]


async def test_a_run_is_done_again_from_a_node(filled):
    await filled.open(f"/runs/{filled.completed}/nodes/tell")
    await filled.send(f"/runs/{filled.completed}/rerun", **{"from": "tell"})
    run = (await filled.api.get(f"/api/v1{filled.path}")).json()
    assert run["nodes"]["greet"]["output"] == "Hello Ada"
    assert "starts again at tell" in filled.words


async def test_a_run_that_a_webhook_started_is_run_again_whole_with_what_its_sender_added(filled):
    await filled.save(CALLED)
    await filled.api.post("/hooks/default/called", json={"name": "Ada", "unknown": "to the inputs"})
    await filled.open("/runs?pipeline=called")
    first = re.search(r'id="run-([0-9a-f]+)"', filled.page.text).group(1)
    await filled.open(f"/runs/{first}")
    await filled.send(f"/runs/{first}/rerun", version="latest")
    run = (await filled.api.get(f"/api/v1{filled.path}")).json()
    assert (run["retryOf"], run["inputs"]) == (first, {"name": "Ada"})
    assert run["trigger"]["data"] == {"name": "Ada", "unknown": "to the inputs"}


async def test_what_can_not_be_done_is_told_as_a_page(filled):
    await filled.open(f"/runs/{filled.completed}")
    await filled.send(f"/runs/{filled.completed}/cancel", expected=409)
    assert "That is not possible now" in filled.words
    assert "has completed already" in filled.words


async def test_marked_runs_are_cancelled_together(filled):
    second = await filled.run("waiting", wait=0)
    await filled.open("/runs")
    await filled.send("/runs/cancel", run=[filled.waiting, second, filled.completed])
    assert await status_of(filled, filled.waiting) == await status_of(filled, second) == "cancelled"
    assert "2 runs cancelled; 1 run not:" in filled.words


async def test_all_runs_that_the_filter_finds_are_retried(filled):
    await filled.run("broken")
    await filled.open("/runs?status=failed")
    html = await filled.send("/runs/retry", which="filter", status="failed")
    assert "2 runs started again" in filled.words
    assert filled.page.url.query == b"status=failed"
    assert html


async def test_all_runs_that_the_filter_finds_are_retried_however_many_calls_that_takes(filled, monkeypatch):
    monkeypatch.setattr("orchestrator.api.run_bulk.MAX_BULK", 1)
    for _ in range(2):
        await filled.run("broken")
    html = await filled.open("/runs?status=failed")
    once = re.search(r'name="once" value="([^"]+)"', html).group(1)
    for _ in range(2):
        await filled.send("/runs/retry", which="filter", status="failed", once=once)
        assert "3 runs started again" in filled.words
        assert "Older ones are left" not in filled.words
    runs = (await filled.api.get("/api/v1/runs")).json()["items"]
    assert len([each for each in runs if each["retryOf"]]) == 3
    monkeypatch.setattr("console.views.runs.MAX_CALLS", 1)
    await filled.send("/runs/retry", which="filter", status="failed")
    assert "Older ones are left: 'flume retry --pipeline' goes through them all." in filled.words


async def test_nothing_marked_is_told(filled):
    await filled.open("/runs")
    await filled.send("/runs/retry", which="marked")
    assert "No run is marked" in filled.words


async def test_a_pipeline_is_paused_resumed_and_deleted(filled):
    await filled.open("/pipelines/hello")
    await filled.send("/pipelines/hello/pause")
    assert "hello is paused" in filled.words
    await filled.send("/pipelines/hello/resume", back="list")
    assert filled.path == "/pipelines"
    await filled.open("/pipelines/hello")
    await filled.send("/pipelines/hello/delete")
    assert "hello is deleted. Its runs stay." in filled.words
    await filled.open("/pipelines/hello", expected=404)
    await filled.open(f"/runs/{filled.completed}")


async def test_a_notice_is_told_once(filled):
    await filled.open("/pipelines/hello")
    await filled.send("/pipelines/hello/pause")
    assert "hello is paused" in filled.words
    await filled.open("/pipelines/hello")
    assert "hello is paused" not in filled.words


async def test_a_trigger_is_switched_and_fired(filled):
    await filled.open("/triggers")
    await filled.send("/triggers/waiting/nightly/switch", enabled="false")
    assert "nightly of waiting is switched off." in filled.words
    await filled.send("/triggers/waiting/nightly/fire")
    assert filled.path.startswith("/runs/")
    assert "nightly of waiting was fired by hand." in filled.words


async def test_a_pipeline_is_written_checked_and_saved(browser):
    html = await browser.open("/pipelines/new?example=each")
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", html, re.DOTALL).group(1)
    await browser.send("/pipelines/new", text="nodes: [", act="check", etag="")
    assert "1 problem" in browser.words
    await browser.send("/pipelines/new", text=text.replace("&#34;", '"').replace("&#39;", "'"), act="check", etag="")
    assert "No problems" in browser.words
    await browser.send("/pipelines/new", text=text.replace("&#34;", '"').replace("&#39;", "'"), act="save", etag="")
    assert browser.path == "/pipelines/add-up"


async def test_a_text_that_is_wrong_is_kept_with_its_problems_at_their_lines(filled):
    html = await filled.open("/pipelines/hello/edit")
    etag = re.search(r'name="etag" value="([^"]+)"', html).group(1).replace("&#34;", '"')
    found = (await filled.api.get("/api/v1/pipelines/hello", headers={"Accept": "application/yaml"})).text
    wrong = found.replace("type: log", "type: lag")
    html = await filled.send("/pipelines/hello/edit", expected=422, text=wrong, act="save", etag=etag)
    assert 'class="line line--problem" id="line-9"' in html
    assert "Line 9, column" in filled.words
    assert "type: lag" in html
    assert (await filled.api.get("/api/v1/pipelines/hello")).json()["version"] == 1


async def test_what_others_saved_meanwhile_is_not_lost(filled):
    html = await filled.open("/pipelines/hello/edit")
    etag = re.search(r'name="etag" value="([^"]+)"', html).group(1).replace("&#34;", '"')
    found = (await filled.api.get("/api/v1/pipelines/hello", headers={"Accept": "application/yaml"})).text
    theirs = found.replace("Hello", "Good morning")
    await filled.api.put(
        "/api/v1/pipelines/hello", content=theirs, headers={"Content-Type": "application/yaml", "If-Match": "*"}
    )
    mine = found.replace("Hello", "Good evening")
    html = await filled.send("/pipelines/hello/edit", expected=409, text=mine, act="save", etag=etag)
    assert "Somebody else saved this pipeline while you wrote" in filled.words
    assert re.search(r"line--removed.*Good morning", html)
    assert "Good evening" in html
    etag = re.search(r'name="etag" value="([^"]+)"', html).group(1).replace("&#34;", '"')
    await filled.send("/pipelines/hello/edit", text=mine, act="save", etag=etag)
    assert "Saved as version 3." in filled.words
    await filled.open("/pipelines/hello/versions")
    assert "Good evening" in filled.words
    await filled.send("/pipelines/hello/versions/1/restore")
    assert "The text of version 1 is version 4 now." in filled.words


async def test_a_file_is_imported(browser):
    await browser.open("/pipelines/new")
    head = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: imported}\n"
    document = head + "nodes: [{id: a, type: log, inputs: {message: x}}]\n"
    await browser.send("/pipelines/new", text="ignored", act="save", files={"file": ("p.yaml", document.encode())})
    assert browser.path == "/pipelines/imported"


@pytest.mark.parametrize("path", ["/pipelines/new", "/pipelines/hello/edit"])
async def test_a_text_in_a_form_that_is_too_old_is_given_back_and_can_be_sent_again(filled, path):
    await filled.open(path)
    saved = await filled.api.get("/api/v1/pipelines/hello", headers={"Accept": "application/yaml"})
    text = saved.text.replace("name: hello", "name: another") + "# mine"
    if path.endswith("edit"):
        text = saved.text + "# mine"
    html = await filled.send(path, key="old", expected=403, text=text, act="save", etag=saved.headers["etag"])
    assert "This form was too old" in filled.words
    assert "# mine</textarea>" in html
    await filled.send(path, text=text, act="save", etag=saved.headers["etag"])
    assert filled.path in ("/pipelines/another", "/pipelines/hello")


async def test_what_was_typed_for_a_run_survives_a_form_that_is_too_old(filled):
    await filled.open("/pipelines/hello/run")
    html = await filled.send("/pipelines/hello/run", key="old", expected=403, **{"input.name": "Grace"})
    assert 'value="Grace"' in html
    assert "send it again" in filled.words
    await filled.send("/pipelines/hello/run", **{"input.name": "Grace", "input.count": "2"})
    assert filled.path.startswith("/runs/")


async def test_what_was_typed_for_a_run_survives_a_value_that_is_too_large(filled):
    await filled.open("/pipelines/hello/run")
    name = "x" * (8 * 1024 * 1024 + 1)
    html = await filled.send("/pipelines/hello/run", expected=413, **{"input.name": name, "input.count": "2"})
    assert name in html


async def test_a_form_without_its_key_does_nothing(filled):
    await filled.open("/pipelines")
    await filled.send("/pipelines/hello/delete", expected=403, key="guessed")
    assert "This form is too old, or came from elsewhere" in filled.words
    await filled.open("/pipelines/hello")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_page_of_another_origin_can_do_nothing(filled, headers):
    await filled.open("/pipelines")
    await filled.send("/pipelines/hello/delete", expected=403, headers=headers)
    await filled.open("/pipelines/hello")


async def test_every_post_wants_the_key_of_a_form(filled):
    """Taken from the routes themselves, so that none can be forgotten."""
    from console.views import logs, nodes, pipeline, pipeline_text, pipelines, run, runs, session, settings, triggers

    views = (logs, nodes, pipeline, pipeline_text, pipelines, run, runs, session, settings, triggers)
    posts = [route.path for view in views for route in view.router.routes if "POST" in route.methods]
    assert len(posts) >= 15
    names = {"{name}": "hello", "{run_id}": filled.failed, "{version}": "1", "{pipeline}": "hello", "{id}": "manual"}
    for path in posts:
        for gap, value in names.items():
            path = path.replace(gap, value)
        answer = await filled.client.post(path, data={"form_key": "guessed"})
        assert answer.status_code == 403, path


async def test_the_theme_is_kept_and_leads_back(filled):
    await filled.open("/runs?status=failed")
    html = await filled.send("/theme", theme="dark", next="/runs?status=failed")
    assert '<html lang="en" data-theme="dark">' in html
    assert filled.path == "/runs"
    answer = await filled.client.post("/theme", data={"theme": "light"}, headers={"X-Flume-Console": "1"})
    assert answer.status_code == 204
    assert 'data-theme="light"' in await filled.open("/")
