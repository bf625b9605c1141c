import asyncio

import orjson

HELLO = """
inputs: {name: {type: string, default: world}}
nodes:
  - {id: greet, type: template, config: {template: "Hello, {{ inputs.name }}!"}}
  - {id: shout, type: json-transform, inputs: {data: "{{ greet.output }}"}, config: {expression: "@"}}
edges:
  - {from: greet, to: shout}
"""
ANSWERS = """
nodes:
  - id: answer
    type: http-response
    config: {status: 201, headers: {x-colour: blue}}
    inputs: {body: {got: "{{ trigger.data }}"}}
  - {id: after, type: gate}
edges:
  - {from: answer, to: after}
"""
FAILS = "nodes:\n  - {id: boom, type: error, config: {message: it broke}}\n"
GATE = "nodes:\n  - {id: wait, type: gate}\n"


async def test_an_invoke_is_accepted_with_the_address_of_its_run(api) -> None:
    await api.save(HELLO)

    answer = await api.invoke(json={"name": "Ada"})

    assert answer.status_code == 202
    run_id = answer.json()["id"]
    assert answer.headers["location"] == f"/api/v1/runs/{run_id}"
    assert answer.json()["links"]["self"] == answer.headers["location"]
    run = await api.ended(run_id)
    assert (run["status"], run["output"], run["inputs"]) == ("completed", "Hello, Ada!", {"name": "Ada"})
    assert run["trigger"] == {"by": "ada", "type": "manual", "id": "manual", "data": {"name": "Ada"}}


async def test_an_empty_body_is_null_and_gives_the_defaults(api) -> None:
    await api.save(HELLO)

    run = (await api.invoke(wait=5)).json()

    assert (run["output"], run["trigger"]["data"]) == ("Hello, world!", None)


async def test_a_waiting_invoke_gets_the_whole_run_with_its_revision(api) -> None:
    await api.save(HELLO)

    answer = await api.invoke(wait=5, json={"name": "Ada"})

    run = answer.json()
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{run["rev"]}"'
    assert [(key, node["status"], node["type"]) for key, node in run["nodes"].items()] == [
        ("greet", "completed", "template"),
        ("shout", "completed", "json-transform"),
    ]
    assert run == (await api.get(answer.json()["links"]["self"])).json()


async def test_an_http_response_answers_at_once_while_its_run_goes_on(api) -> None:
    await api.save(ANSWERS)

    answer = await api.invoke(wait=5, json=[1, 2])

    assert (answer.status_code, answer.json()) == (201, {"got": [1, 2]})
    assert answer.headers["x-colour"] == "blue"
    assert answer.headers["content-security-policy"] == "sandbox"
    run_id = answer.headers["flume-run"]
    assert (await api.get(f"/api/v1/runs/{run_id}")).json()["status"] == "running"
    api.gates.open()
    assert (await api.ended(run_id))["output"] == {"got": [1, 2]}


async def test_a_failed_run_is_a_problem_that_names_node_and_run(api) -> None:
    await api.save(FAILS)

    answer = await api.invoke(wait=5)

    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (problem["code"], problem["detail"]) == ("run-failed", "boom: it broke")
    assert problem["error"] == {"code": "raised", "message": "it broke", "node": "boom", "retryable": False}
    assert problem["instance"] == f"/api/v1/runs/{answer.headers['flume-run']}"


async def test_a_caller_whose_time_is_up_gets_the_address_and_the_run_goes_on(api) -> None:
    await api.save(GATE)

    answer = await api.invoke(wait=0.01)

    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    api.gates.open()
    assert (await api.ended(answer.json()["id"]))["output"] == "open"


async def test_a_caller_that_goes_away_cancels_nothing(api) -> None:
    await api.save(GATE)
    waiting = asyncio.create_task(api.invoke(wait=60))
    await api.gates.begun.acquire()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    run_id = (await api.get("/api/v1/runs")).json()["items"][0]["id"]
    api.gates.open()
    assert (await api.ended(run_id))["status"] == "completed"


async def test_the_same_key_and_body_give_the_same_run_and_the_same_answer(api) -> None:
    await api.save(HELLO)
    headers = {"Idempotency-Key": "k1"}

    first = await api.invoke(wait=5, headers=headers, json={"name": "Ada"})
    again = await api.invoke(wait=5, headers=headers, json={"name": "Ada"})
    unhurried = await api.invoke(headers=headers, json={"name": "Ada"})

    assert (again.status_code, again.json()) == (200, first.json())
    assert (unhurried.status_code, unhurried.json()["id"]) == (202, first.json()["id"])
    assert unhurried.json()["status"] == "completed"
    assert len((await api.get("/api/v1/runs")).json()["items"]) == 1


async def test_the_same_key_with_another_body_is_refused(api) -> None:
    await api.save(HELLO)
    headers = {"Idempotency-Key": "k1"}
    await api.invoke(headers=headers, json={"name": "Ada"})

    answer = await api.invoke(headers=headers, json={"name": "Bob"})

    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")


async def test_a_repeated_start_waits_for_the_run_that_is_under_way(api) -> None:
    await api.save(GATE)
    headers = {"Idempotency-Key": "k1"}
    first = (await api.invoke(headers=headers)).json()
    await api.gates.begun.acquire()
    waiting = asyncio.create_task(api.invoke(wait=60, headers=headers))
    for _ in range(20):
        await asyncio.sleep(0)

    api.gates.open()

    assert (await waiting).json()["id"] == first["id"]
    assert (await waiting).json()["output"] == "open"


async def test_a_paused_pipeline_can_be_run_by_hand_and_a_draft_can_not(api) -> None:
    await api.save(HELLO, state="paused")
    await api.save(HELLO, name="rough", state="draft")

    assert (await api.invoke(wait=5)).status_code == 200
    draft = await api.invoke(name="rough", wait=5)
    assert (draft.status_code, draft.json()["code"]) == (409, "pipeline-is-draft")


async def test_pipelines_of_another_namespace_are_not_there(api) -> None:
    await api.save(HELLO, namespace="other")

    assert (await api.invoke()).status_code == 404
    answer = await api.post("/api/v1/pipelines/sample/invoke?namespace=other")
    assert answer.headers["location"].endswith("?namespace=other")
    run_id = answer.json()["id"]
    assert (await api.get(f"/api/v1/runs/{run_id}")).status_code == 404
    assert (await api.get(answer.headers["location"])).status_code == 200


async def test_a_caller_bound_to_namespaces_sees_no_others(open_api) -> None:
    async with open_api(namespaces=frozenset({"team"})) as api:
        await api.save(HELLO)
        await api.save(HELLO, namespace="team")

        assert (await api.invoke()).status_code == 404
        assert (await api.post("/api/v1/pipelines/sample/invoke?namespace=team")).status_code == 202


async def test_bodies_that_are_not_json_or_too_large_are_refused(api) -> None:
    await api.save(HELLO)

    bad = await api.invoke(content=b"{name: Ada")
    nan = await api.invoke(content=b'{"name": NaN}')
    large = await api.invoke(content=b'"' + b"x" * (8 * 1024 * 1024) + b'"')

    assert [(each.status_code, each.json()["code"]) for each in (bad, nan, large)] == [
        (400, "bad-body"),
        (400, "bad-body"),
        (413, "too-large"),
    ]
    assert (await api.get("/api/v1/runs")).json()["items"] == []


async def test_hops_are_counted_and_too_many_are_refused(api) -> None:
    await api.save(HELLO)

    accepted = await api.invoke(headers={"Flume-Hops": "3", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    circle = await api.invoke(headers={"Flume-Hops": "8"})
    nonsense = await api.invoke(headers={"Flume-Hops": "many"})

    origin = (await api.orchestrator.store.load_run(accepted.json()["id"])).run.origin
    assert (origin.hops, origin.traceparent) == (3, f"00-{'a' * 32}-{'b' * 16}-01")
    assert [each.json()["code"] for each in (circle, nonsense)] == ["too-many-hops", "bad-hops"]


async def test_large_values_are_in_the_answer_up_to_a_bound_and_then_referred_to(api) -> None:
    await api.save('nodes:\n  - {id: copy, type: template, config: {template: "{{ trigger.data.text }}"}}\n')
    medium, large = "m" * 100_000, "l" * 2_000_000

    small_run = (await api.invoke(wait=5, json={"text": medium})).json()
    large_run = (await api.invoke(wait=5, json={"text": large})).json()

    assert small_run["output"] == medium
    reference = large_run["output"]["$payload"]
    assert reference["size"] == len(large) + 2
    assert (await api.get(reference["url"])).json() == large
    other = reference["url"].replace(large_run["id"], small_run["id"])
    assert (await api.get(other)).status_code == 404


async def test_what_an_invoke_answers_is_json_that_fits_its_model(api) -> None:
    from orchestrator.api.run_models import RunRecord, StartedRun

    await api.save(HELLO)

    RunRecord.model_validate(orjson.loads((await api.invoke(wait=5)).content))
    StartedRun.model_validate(orjson.loads((await api.invoke()).content))
