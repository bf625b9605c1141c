import asyncio
import re

from flume.errors import StoreError
from orchestrator.admission import FEW

RETRIED = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello}
nodes:
  - {id: boom, type: error, config: {message: it broke, retryable: true}, retry: {attempts: 3, delay: 1ms}}
  - {id: never, type: template, config: {template: x}}
edges: [{from: boom, to: never}]
"""


async def test_a_process_that_can_write_is_ready(site) -> None:
    answers = [await site.call("GET", path) for path in ("/healthz", "/readyz")]

    assert [(each.status_code, each.json()) for each in answers] == [(200, {"status": "ok"})] * 2


async def test_a_store_that_can_not_be_written_to_makes_the_process_alive_and_not_ready(site, monkeypatch) -> None:
    async def refuse() -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(site.orchestrator.store, "check", refuse)

    alive, ready = await site.call("GET", "/healthz"), await site.call("GET", "/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert (ready.json()["code"], ready.json()["detail"]) == ("not-ready", "the disk is full")
    assert ready.headers["retry-after"] == "5"


async def test_runs_nodes_retries_and_commits_are_counted_by_pipeline_type_and_outcome(site) -> None:
    await site.save(RETRIED)
    await site.call("POST", "/api/v1/pipelines/hello/invoke", headers={"Prefer": "wait=5"})
    await site.call("POST", "/api/v1/nodes/template:test", json={"config": {"template": "x"}})

    answer = await site.call("GET", "/metrics")
    lines = answer.text.splitlines()

    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'flume_runs_total{pipeline="hello",status="failed"} 1.0',
        'flume_runs_total{pipeline="(test)",status="completed"} 1.0',
        'flume_node_duration_seconds_count{lane="engine",status="failed",type="error"} 1.0',
        'flume_node_duration_seconds_count{lane="engine",status="completed",type="template"} 1.0',
        'flume_retries_total{reason="raised",type="error"} 2.0',
        "flume_run_duration_seconds_count 2.0",
        "flume_leases 0.0",
    ):
        assert line in lines
    assert not any("_created" in line for line in lines)


async def test_the_description_is_openapi_31_and_the_page_loads_nothing(site) -> None:
    document = (await site.call("GET", "/openapi.json")).json()
    page = await site.call("GET", "/docs")

    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.2.3")
    for path in ("/api/v1/pipelines/{name}", "/api/v1/runs/{run_id}", "/api/v1/triggers", "/hooks/{namespace}/{path}"):
        assert path in document["paths"]
    assert "/api/v1/pipelines/{name}" in page.text
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href|action)="([^"]*)"', page.text) == ["/openapi.json"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


WAITING = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: hello}
nodes: [{id: wait, type: delay, config: {duration: 4s}}]  # shorter than what makes a run leave memory
"""


async def test_a_process_with_enough_to_do_does_not_read_large_data_of_starts_and_takes_all_else(open_site) -> None:
    async def pieces():
        for _ in range(3):
            yield b" " * 1024 * 1024

    async with open_site(max_runs=1) as site:
        await site.save(WAITING)
        await site.call("POST", "/api/v1/pipelines/hello/invoke")
        json = {"Content-Type": "application/json"}
        refused = await site.call("POST", "/api/v1/pipelines/hello/invoke", content=pieces(), headers=json)
        event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "Content-Type": "text/plain"}
        taken = await site.call("POST", "/events", content=b"x" * 100_000, headers=event)

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["detail"] == "there is no room for more runs just now"
    assert taken.status_code == 202


async def test_a_process_with_more_memory_than_it_may_have_takes_on_no_more_than_few_runs(open_site) -> None:
    async with open_site(max_memory_mib=1) as site:
        await site.save(WAITING)
        taken = [await site.call("POST", "/api/v1/pipelines/hello/invoke") for _ in range(FEW)]
        refused = await site.call("POST", "/api/v1/pipelines/hello/invoke")

    assert {each.status_code for each in taken} == {202}
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "fill the 1 MiB" in refused.json()["detail"]


async def test_a_process_that_stops_is_not_ready(site) -> None:
    await site.orchestrator.engine.stop()

    ready = await site.call("GET", "/readyz")

    assert (ready.status_code, ready.json()["detail"]) == (503, "Flume is stopping")


async def test_a_store_that_does_not_answer_makes_the_process_not_ready_before_the_asker_gives_up(
    site, monkeypatch
) -> None:
    async def silence() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(site.orchestrator.store, "check", silence)
    monkeypatch.setattr("orchestrator.api.health.CHECK_S", 0.01)

    ready = await site.call("GET", "/readyz")

    assert (ready.status_code, "has not answered" in ready.json()["detail"]) == (503, True)


async def test_a_process_with_enough_to_do_says_when_to_come_back(open_site) -> None:
    async with open_site(max_runs=1) as site:
        await site.save(WAITING)

        first, second = [await site.call("POST", "/api/v1/pipelines/hello/invoke") for _ in range(2)]
        gauge = (await site.call("GET", "/metrics")).text

    assert (first.status_code, second.status_code, second.json()["code"]) == (202, 429, "unavailable")
    assert second.headers["retry-after"] == "1"
    assert "1 runs are under way here already" in second.json()["detail"]
    assert "flume_leases 1.0" in gauge
