import pytest

from orchestrator.api.run_models import (
    GraphRecord,
    ItemRecord,
    NodeDetailRecord,
    Page,
    RunRecord,
    RunSummaryRecord,
)
from orchestrator.api.statistics import StatisticsRecord

CHAIN = """
inputs: {fail: {type: boolean, default: false}}
nodes:
  - {id: first, type: template, config: {template: "one"}}
  - {id: second, type: condition, config: {expression: "inputs.fail"}}
  - {id: boom, type: error, config: {message: it broke}}
  - {id: last, type: template, config: {template: "{{ first.output }} and two"}}
edges:
  - {from: first, to: second}
  - {from: second, to: boom, port: true}
  - {from: second, to: last, port: false}
"""
GATE = """
nodes:
  - {id: wait, type: gate}
  - {id: after, type: log, inputs: {message: done}}
edges: [{from: wait, to: after}]
"""
LOOP = """
nodes:
  - id: each
    type: loop
    inputs: {items: "{{ trigger.data }}"}
    config:
      body:
        nodes:
          - {id: double, type: json-transform, inputs: {data: "{{ item * 2 }}"}, config: {expression: "@"}}
          - {id: note, type: log, inputs: {message: "item {{ index }}: {{ double.output }}"}}
        edges: [{from: double, to: note}]
"""


async def test_runs_are_listed_newest_first_in_pages_and_by_filter(api) -> None:
    await api.save(CHAIN)
    await api.save(CHAIN, name="other")
    ok = (await api.invoke(wait=5)).json()["id"]
    failed = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]
    other = (await api.invoke(name="other", wait=5)).json()["id"]

    async def listed(query):
        page = (await api.get(f"/api/v1/runs?{query}")).json()
        Page[RunSummaryRecord].model_validate(page)
        return [each["id"] for each in page["items"]]

    assert await listed("") == [other, failed, ok]
    assert await listed("pipeline=sample") == [failed, ok]
    assert await listed("status=failed&status=cancelled") == [failed]
    assert await listed("trigger=manual&limit=1") == [other]
    assert await listed("since=2100-01-01T00:00:00Z") == []
    assert await listed("until=2100-01-01T00:00:00Z&namespace=none") == []
    first = (await api.get("/api/v1/runs?limit=2")).json()
    rest = (await api.get("/api/v1/runs", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert [each["id"] for each in rest["items"]] == [ok]
    assert rest["nextCursor"] is None


async def test_a_run_shows_every_node_of_its_plan(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]

    answer = await api.get(f"/api/v1/runs/{run_id}")

    run = answer.json()
    RunRecord.model_validate(run)
    assert run["error"]["node"] == "boom"
    assert {key: node["status"] for key, node in run["nodes"].items()} == {
        "first": "completed",
        "second": "completed",
        "boom": "failed",
        "last": "skipped",
    }
    assert run["nodes"]["boom"]["attempts"][0]["error"]["message"] == "it broke"
    unchanged = await api.get(f"/api/v1/runs/{run_id}", headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


async def test_nodes_that_nothing_reached_are_pending_and_then_cancelled(api) -> None:
    await api.save(GATE)
    run_id = (await api.invoke()).json()["id"]
    await api.gates.begun.acquire()

    before = (await api.get(f"/api/v1/runs/{run_id}")).json()
    cancelled = await api.post(f"/api/v1/runs/{run_id}/cancel", json={"reason": "enough"})
    after = (await api.get(f"/api/v1/runs/{run_id}")).json()

    assert [node["status"] for node in before["nodes"].values()] == ["running", "pending"]
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert [node["status"] for node in after["nodes"].values()] == ["cancelled", "cancelled"]
    assert (after["status"], after["error"]["message"]) == ("cancelled", "enough")


async def test_an_unknown_or_malformed_run_id_is_not_found(api) -> None:
    for run_id in ("0" * 24, "nonsense", "%2e%2e"):
        assert (await api.get(f"/api/v1/runs/{run_id}")).status_code == 404


async def test_cancelling_twice_changes_nothing_and_cancelling_what_completed_is_a_conflict(api) -> None:
    await api.save(GATE)
    run_id = (await api.invoke()).json()["id"]
    await api.post(f"/api/v1/runs/{run_id}/cancel")

    assert (await api.post(f"/api/v1/runs/{run_id}/cancel")).json()["status"] == "cancelled"

    api.gates.open()
    completed = (await api.invoke(wait=5)).json()["id"]
    answer = await api.post(f"/api/v1/runs/{completed}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "run-ended")


async def test_what_people_do_with_runs_is_in_the_audit_log(api) -> None:
    await api.save(GATE)
    run_id = (await api.invoke()).json()["id"]
    await api.post(f"/api/v1/runs/{run_id}/cancel")
    await api.post(f"/api/v1/runs/{run_id}/retry")

    page = await api.orchestrator.store.list_audit("default", limit=10)

    entries = [(entry.actor, entry.action, entry.target) for entry in page.items]
    assert entries == [("ada", "run.retry", f"runs/{run_id}"), ("ada", "run.cancel", f"runs/{run_id}")]


async def test_a_retry_takes_over_what_completed(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]

    answer = await api.post(f"/api/v1/runs/{run_id}/retry")

    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/runs/{answer.json()['id']}")
    again = await api.ended(answer.json()["id"])
    assert (again["status"], again["attempt"], again["retryOf"]) == ("failed", 2, run_id)
    old = (await api.get(f"/api/v1/runs/{run_id}")).json()
    assert again["nodes"]["first"]["completedAt"] == old["nodes"]["first"]["completedAt"]


async def test_a_run_that_is_under_way_can_not_be_retried(api) -> None:
    await api.save(GATE)
    run_id = (await api.invoke()).json()["id"]

    answer = await api.post(f"/api/v1/runs/{run_id}/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, "run-not-ended")


async def test_a_rerun_goes_on_from_a_node_with_other_inputs_and_the_latest_version(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]
    await api.save(CHAIN.replace("and two", "and three"))

    body = {"from": "second", "inputs": {"fail": False}, "version": "latest"}
    answer = await api.post(f"/api/v1/runs/{run_id}/rerun", json=body)

    again = await api.ended(answer.json()["id"])
    assert (again["output"], again["pipelineVersion"]) == ("one and three", 2)
    wrong = await api.post(f"/api/v1/runs/{run_id}/rerun", json={"from": "nowhere"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown-node")


async def test_a_whole_run_is_run_again_by_a_call_without_a_body(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]

    answer = await api.post(f"/api/v1/runs/{run_id}/rerun")

    again = await api.ended(answer.json()["id"])
    assert (again["status"], again["inputs"]["fail"], again["retryOf"]) == ("failed", True, run_id)
    assert again["nodes"]["first"]["startedAt"] >= again["createdAt"]


@pytest.mark.parametrize("act", ["retry", "rerun"])
async def test_a_run_is_retried_and_rerun_once_by_a_key_and_the_answer_is_that_run(api, act) -> None:
    await api.save(CHAIN)
    first, second = [(await api.invoke(wait=5, json={"fail": True})).headers["flume-run"] for _ in range(2)]
    key = {"headers": {"Idempotency-Key": "k"}}

    made = await api.post(f"/api/v1/runs/{first}/{act}", **key)
    await api.ended(made.json()["id"])
    again = await api.post(f"/api/v1/runs/{first}/{act}", **key)
    others = [
        await api.post(f"/api/v1/runs/{second}/{act}", **key),
        await api.post(f"/api/v1/runs/{first}/{act}", headers={"Idempotency-Key": "other"}),
        await api.post(f"/api/v1/runs/{first}/{act}"),
        await api.post(f"/api/v1/runs/{first}/{'rerun' if act == 'retry' else 'retry'}", **key),
    ]

    assert (again.status_code, again.json()["status"]) == (202, "failed")
    assert again.headers["location"] == made.headers["location"]
    assert len({each.json()["id"] for each in (made, again, *others)}) == 5
    assert (await api.post(f"/api/v1/runs/{first}/{act}", headers={"Idempotency-Key": ""})).json()["code"] == "bad-key"


async def test_a_key_used_for_another_rerun_of_the_run_is_refused(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5, json={"fail": True})).headers["flume-run"]
    key = {"headers": {"Idempotency-Key": "k"}}
    await api.post(f"/api/v1/runs/{run_id}/rerun", json={"from": "second"}, **key)

    answer = await api.post(f"/api/v1/runs/{run_id}/rerun", json={"from": "boom"}, **key)

    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")


async def test_a_retry_that_was_made_is_told_also_when_there_is_no_room_for_another(open_api) -> None:
    async with open_api(max_runs=1) as api:
        await api.save(GATE)
        run_id = (await api.invoke()).json()["id"]
        await api.post(f"/api/v1/runs/{run_id}/cancel")
        key = {"headers": {"Idempotency-Key": "k"}}
        made = await api.post(f"/api/v1/runs/{run_id}/retry", **key)

        again = await api.post(f"/api/v1/runs/{run_id}/retry", **key)
        other = await api.post(f"/api/v1/runs/{run_id}/retry")

        assert (again.status_code, again.json()) == (202, {**made.json(), "status": "running"})
        assert other.status_code == 429


async def test_the_nodes_of_a_pipeline_are_counted_for_parts_of_the_time(api) -> None:
    await api.save(CHAIN)
    await api.invoke(wait=5)

    found = (await api.get("/api/v1/stats?pipeline=sample&nodeParts=3")).json()
    without = (await api.get("/api/v1/stats?pipeline=sample")).json()

    StatisticsRecord.model_validate(found)
    assert [len(part["nodes"]) for part in found["nodeParts"]] == [0, 0, len(found["nodes"])]
    assert found["nodeParts"][2]["nodes"] == found["nodes"]
    assert without["nodeParts"] is None
    assert (await api.get("/api/v1/stats?nodeParts=25")).status_code == 400


async def test_a_test_run_of_an_unsaved_document_honors_pins_and_until(api) -> None:
    text = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: rough}\n" + CHAIN
    body = {"definition": text, "pins": {"first": "pinned"}, "until": "last"}

    run = (await api.post("/api/v1/runs", json=body, headers={"Prefer": "wait=5"})).json()

    assert (run["output"], run["test"], run["pipelineVersion"]) == ("pinned and two", True, 0)
    assert list(run["nodes"]) == ["first", "second", "last"]
    accepted = await api.post("/api/v1/runs", json={"definition": text})
    assert (accepted.status_code, accepted.headers["location"]) == (202, f"/api/v1/runs/{accepted.json()['id']}")


async def test_a_test_run_may_be_given_as_an_object_and_tells_all_problems(api) -> None:
    definition = {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "rough"},
        "nodes": [{"id": "a", "type": "nothing-such"}, {"id": "a", "type": "log"}],
    }

    answer = await api.post("/api/v1/runs", json={"definition": definition})

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-definition"


async def test_a_node_shows_its_inputs_rendered_again(api) -> None:
    await api.save(CHAIN)
    run_id = (await api.invoke(wait=5)).json()["id"]

    last = (await api.get(f"/api/v1/runs/{run_id}/nodes/last")).json()
    skipped = (await api.get(f"/api/v1/runs/{run_id}/nodes/boom")).json()

    NodeDetailRecord.model_validate(last)
    assert (last["config"], last["output"]) == ({"template": "one and two"}, "one and two")
    assert (skipped["status"], skipped["config"], skipped["inputs"]) == ("skipped", None, None)
    assert (await api.get(f"/api/v1/runs/{run_id}/nodes/nowhere")).status_code == 404


async def test_nodes_and_items_of_a_loop_can_be_looked_at_after_it_ended(api) -> None:
    await api.save(LOOP)
    run = (await api.invoke(wait=5, json=[5, 6, 7])).json()
    base = f"/api/v1/runs/{run['id']}/nodes"

    inner = (await api.get(f"{base}/each[1].double")).json()
    page = (await api.get(f"{base}/each/items?limit=2")).json()
    rest = (await api.get(f"{base}/each/items?limit=2&after={page['nextCursor']}")).json()

    assert run["nodes"]["each"]["loop"] == {"total": 3, "started": 3, "active": 0, "succeeded": 3, "failed": 0}
    assert (inner["instance"], inner["inputs"], inner["output"]) == ("each[1].double", {"data": 12}, 12)
    Page[ItemRecord].model_validate(page)
    assert [(item["index"], item["output"]) for item in page["items"]] == [(0, "item 0: 10"), (1, "item 1: 12")]
    assert [item["index"] for item in rest["items"]] == [2]
    assert rest["nextCursor"] is None
    done = (await api.get(f"{base}/each/items?limit=1&after=0&status=completed")).json()
    assert ([item["index"] for item in done["items"]], done["nextCursor"]) == ([1], "1")
    assert (await api.get(f"{base}/each/items?status=failed")).json() == {"items": [], "nextCursor": None}
    assert (await api.get(f"{base}/each/items?status=lost")).status_code == 400
    assert page["items"][0]["nodes"] == {"double": "completed", "note": "completed"}
    for missing in ("each[3].double", "each[0].nothing", "double", "each[x].double", "each[0]"):
        assert (await api.get(f"{base}/{missing}")).status_code == 404
    assert (await api.get(f"{base}/each[0].double/items")).status_code == 404


async def test_the_item_of_a_while_loop_is_the_result_before_it(api) -> None:
    await api.save("""
nodes:
  - id: count
    type: loop
    config:
      while: "index < 3"
      max: 10
      body:
        nodes: [{id: add, type: json-transform, inputs: {data: "{{ (item or 0) + 10 }}"}, config: {expression: "@"}}]
""")
    run_id = (await api.invoke(wait=5)).json()["id"]

    inputs = [
        (await api.get(f"/api/v1/runs/{run_id}/nodes/count[{index}].add")).json()["inputs"]["data"]
        for index in range(3)
    ]

    assert inputs == [10, 20, 30]


async def test_secrets_are_masked_wherever_a_node_is_shown(open_api) -> None:
    async with open_api(secrets={"KEY": "s3cr3t-value"}) as api:
        await api.save("nodes:\n  - {id: say, type: gate, inputs: {say: 'key {{ secrets.KEY }}!'}}\n")
        api.gates.open()
        run = (await api.invoke(wait=5)).json()

        node = await api.get(f"/api/v1/runs/{run['id']}/nodes/say")

        assert node.json()["inputs"] == {"say": "key •••!"}
        assert node.json()["output"] == "key •••!"
        assert "s3cr3t" not in node.text + str(run)


async def test_inputs_that_could_not_be_rendered_are_told_by_their_error(api) -> None:
    await api.save("nodes:\n  - {id: bad, type: template, config: {template: '{{ trigger.data.missing }}'}}\n")
    run_id = (await api.invoke(wait=5, json={"there": 1})).headers["flume-run"]

    node = (await api.get(f"/api/v1/runs/{run_id}/nodes/bad")).json()

    assert (node["status"], node["config"]) == ("failed", None)
    assert "missing" in node["inputError"]


async def test_the_graph_shows_which_edges_were_taken_and_what_is_in_loops(api) -> None:
    await api.save(CHAIN)
    await api.save(LOOP, name="looping")
    run_id = (await api.invoke(wait=5)).json()["id"]
    looping = (await api.invoke(name="looping", wait=5, json=[1])).json()["id"]

    graph = (await api.get(f"/api/v1/runs/{run_id}/graph")).json()
    nested = (await api.get(f"/api/v1/runs/{looping}/graph")).json()

    GraphRecord.model_validate(graph)
    GraphRecord.model_validate(nested)
    assert [(edge["from"], edge["to"], edge["port"], edge["taken"]) for edge in graph["edges"]] == [
        ("first", "second", "out", True),
        ("second", "boom", "true", False),
        ("second", "last", "false", True),
    ]
    body = nested["nodes"][0]["body"]
    loop = nested["nodes"][0]
    assert (loop["category"], loop["icon"], loop["maxAttempts"]) == ("Logic", "repeat", 1)
    assert [node["id"] for node in body["nodes"]] == ["double", "note"]
    assert all(node["icon"] for node in body["nodes"])
    assert body["edges"] == [{"from": "double", "to": "note", "port": "out"}]


async def test_a_large_value_of_a_loop_item_has_an_address_of_its_own(api) -> None:
    await api.save("""
nodes:
  - id: each
    type: loop
    inputs: {items: [1]}
    config:
      body:
        nodes: [{id: copy, type: template, config: {template: "{{ trigger.data }}"}}]
""")
    text = "x" * 1_500_000
    run_id = (await api.invoke(wait=5, json=text)).json()["id"]

    node = (await api.get(f"/api/v1/runs/{run_id}/nodes/each[0].copy")).json()

    url = node["output"]["$payload"]["url"]
    assert (await api.get(url)).json() == text
    assert (await api.get(url.replace("each%5B0%5D", "each%5B1%5D"))).status_code == 404
    assert (await api.get(url + "&namespace=other")).status_code == 404


async def test_statistics_count_ended_runs_by_outcome_and_pipeline(api) -> None:
    await api.save(CHAIN)
    for fail in (True, False, False):
        await api.invoke(wait=5, json={"fail": fail})

    found = (await api.get("/api/v1/stats?interval=1h")).json()

    totals = {(each["pipeline"], each["status"]): each["count"] for each in found["totals"]}
    assert totals == {("sample", "completed"): 2, ("sample", "failed"): 1}
    assert sorted(found["totals"][0]["durationMs"]) == ["p50", "p90", "p99"]
    assert sum(count["count"] for each in found["intervals"] for count in each["counts"]) == 3
    assert found["nodes"] is None
    for query, code in (
        ("interval=1ms", "bad-duration"),
        ("interval=soon", "bad-duration"),
        ("interval=1s", "too-many-intervals"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "bad-interval"),
    ):
        assert (await api.get(f"/api/v1/stats?{query}")).json()["code"] == code


async def test_statistics_of_one_pipeline_count_its_nodes_too(api) -> None:
    await api.save(CHAIN)
    await api.save(CHAIN, name="other")
    for name, fail in (("sample", True), ("sample", False), ("other", False)):
        await api.invoke(name=name, wait=5, json={"fail": fail})

    answer = await api.get("/api/v1/stats?pipeline=sample")

    StatisticsRecord.model_validate(answer.json())
    assert {each["pipeline"] for each in answer.json()["totals"]} == {"sample"}
    nodes = {each["node"]: (each["count"], each["failures"]) for each in answer.json()["nodes"]}
    assert nodes == {"first": (2, 0), "second": (2, 0), "boom": (1, 1), "last": (1, 0)}
    assert all(sorted(each["durationMs"]) == ["p50", "p90", "p99"] for each in answer.json()["nodes"])
    assert (await api.get("/api/v1/stats?pipeline=no-such")).json()["nodes"] == []
