from dataclasses import replace

import pytest

from flume.errors import StoreAwayError, StoreError, UnavailableError
from orchestrator.api.loading import read_run
from orchestrator.api.run_models import BulkAnswer

FAILS = """
inputs: {fail: {type: boolean, default: true}}
nodes:
  - {id: check, type: condition, config: {expression: "inputs.fail"}}
  - {id: boom, type: error, config: {message: it broke}}
edges: [{from: check, to: boom, port: true}]
"""
GATE = "nodes: [{id: wait, type: gate}]\n"
OF_SAMPLE = {"filter": {"pipeline": "sample"}}
KEY = {"headers": {"Idempotency-Key": "k"}}


async def failed(api, count):
    """Runs that failed, the newest first."""
    await api.save(FAILS)
    return [(await api.invoke(wait=5)).headers["flume-run"] for _ in range(count)][::-1]


async def cancelled(api, count):
    """Runs that were cancelled; a retry of each stays under way until the gates open."""
    await api.save(GATE)
    ids = []
    for _ in range(count):
        ids.append((await api.invoke()).json()["id"])
        await api.post(f"/api/v1/runs/{ids[-1]}/cancel")
    return ids


async def retried(api, body, **options):
    """The answer to a bulk retry, once all that it began has ended."""
    answer = (await api.post("/api/v1/runs:retry", json=body, **options)).json()
    BulkAnswer.model_validate(answer)
    for each in answer["items"]:
        if each["ok"]:
            await api.ended(each["run"])
    return answer


async def retried_runs(api):
    """Of which run each retry is one, the newest first."""
    return [each["retryOf"] for each in (await api.get("/api/v1/runs?limit=500")).json()["items"] if each["retryOf"]]


async def test_many_runs_are_cancelled_by_ids_and_each_answer_says_what_became_of_it(api) -> None:
    await api.save(GATE)
    first, second = [(await api.invoke()).json()["id"] for _ in range(2)]

    answer = (await api.post("/api/v1/runs:cancel", json={"ids": [first, "0" * 24, second]})).json()

    BulkAnswer.model_validate(answer)
    assert [(each["id"], each["ok"]) for each in answer["items"]] == [(first, True), ("0" * 24, False), (second, True)]
    assert answer["items"][1]["error"]["code"] == "not-found"
    assert (await api.get("/api/v1/runs?status=running")).json()["items"] == []


async def test_many_runs_are_retried_by_filter(api) -> None:
    await api.save(FAILS)
    failed = [(await api.invoke(wait=5)).headers["flume-run"] for _ in range(2)]
    await api.invoke(wait=5, json={"fail": False})

    answer = (await api.post("/api/v1/runs:retry", json={"filter": {"pipeline": "sample"}})).json()

    assert [each["id"] for each in answer["items"]] == failed[::-1]
    assert answer["hasMore"] is False
    assert all(len(each["run"]) == 24 for each in answer["items"])
    neither = await api.post("/api/v1/runs:retry", json={})
    assert (neither.status_code, neither.json()["code"]) == (400, "bad-body")


async def test_a_run_that_finds_no_room_stops_a_bulk_retry_and_the_answer_tells_what_was_done(open_api) -> None:
    async with open_api(max_runs=2) as api:
        ids = await cancelled(api, 4)

        answer = await api.post("/api/v1/runs:retry", json={"ids": ids})

        BulkAnswer.model_validate(answer.json())
        items = answer.json()["items"]
        assert (answer.status_code, [each["id"] for each in items]) == (200, ids)
        assert [each["ok"] for each in items] == [True, True, False, False]
        assert [each["error"]["code"] for each in items[2:]] == ["unavailable", "not-tried"]
        assert [each["error"]["retryAfter"] for each in items[2:]] == [1, 1]
        assert ids[2] in items[3]["error"]["message"]
        assert await retried_runs(api) == ids[1::-1]


async def test_a_bulk_retry_that_is_repeated_with_its_key_goes_on_where_it_was_refused(open_api) -> None:
    async with open_api(max_runs=2) as api:
        ids = await cancelled(api, 4)
        before = (await api.post("/api/v1/runs:retry", json={"ids": ids}, **KEY)).json()["items"]
        api.gates.open()
        for each in before[:2]:
            await api.ended(each["run"])

        after = (await api.post("/api/v1/runs:retry", json={"ids": ids}, **KEY)).json()["items"]

        assert after[:2] == before[:2]
        assert [each["ok"] for each in after] == [True] * 4
        assert await retried_runs(api) == ids[::-1]


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        (StoreError("this one is too large"), ["store-error", None]),
        (UnavailableError("stopping"), ["unavailable", "not-tried"]),
        (StoreAwayError("it does not answer"), ["store-error", "not-tried"]),
    ],
    ids=["one-run-alone", "stopping", "store-away"],
)
@pytest.mark.parametrize("act", ["cancel", "retry"])
async def test_an_error_of_one_run_is_its_result_and_stops_the_others_only_if_it_is_theirs_too(
    api, monkeypatch, error, codes, act
) -> None:
    ids = await failed(api, 3)

    async def read_or_fail(orchestrator, namespace, run_id):
        if run_id == ids[1]:
            raise error
        return await read_run(orchestrator, namespace, run_id)

    monkeypatch.setattr("orchestrator.api.run_bulk.read_run", read_or_fail)

    answer = await api.post(f"/api/v1/runs:{act}", json={"ids": ids})

    first, *rest = [each.get("error", {}).get("code") for each in answer.json()["items"]]
    usual = {"cancel": "run-ended", "retry": None}[act]
    assert (answer.status_code, first, rest) == (200, usual, [codes[0], codes[1] or usual])


async def test_a_bulk_retry_goes_through_all_that_its_filter_finds_and_takes_each_run_once(api, monkeypatch) -> None:
    monkeypatch.setattr("orchestrator.api.run_bulk.MAX_BULK", 2)
    ids = await failed(api, 5)
    answers = [await retried(api, OF_SAMPLE)]
    while answers[-1]["hasMore"]:
        answers.append(await retried(api, {**OF_SAMPLE, "cursor": answers[-1]["nextCursor"]}))

    assert [[each["id"] for each in answer["items"]] for answer in answers] == [ids[:2], ids[2:4], ids[4:]]
    assert answers[-1]["nextCursor"] is None
    assert sorted(await retried_runs(api)) == sorted(ids)


async def test_a_bulk_retry_leaves_out_what_was_retried_or_rerun_before(api) -> None:
    ids = await failed(api, 3)
    again = [(await api.post(f"/api/v1/runs/{ids[i]}/{act}")).json()["id"] for i, act in ((0, "retry"), (2, "rerun"))]
    for run_id in again:
        await api.ended(run_id)

    answer = await retried(api, OF_SAMPLE)

    assert [each["id"] for each in answer["items"]] == [*again[::-1], ids[1]]
    named = await retried(api, {"ids": [ids[0]]})
    assert named["items"][0]["ok"] is True


async def test_a_bulk_retry_by_filter_that_is_repeated_with_its_key_gives_the_same_answer(api) -> None:
    ids = await failed(api, 2)
    before = await retried(api, OF_SAMPLE, **KEY)

    after = await retried(api, OF_SAMPLE, **KEY)

    assert after == before
    assert await retried_runs(api) == ids[::-1]


async def test_what_is_made_after_a_bulk_retry_began_by_its_own_clock_is_not_retried(api) -> None:
    old, new = (await failed(api, 2))[::-1]
    made_at = (await api.orchestrator.store.load_run(new)).run.origin.created_at
    api.app.state.orchestrator = replace(api.orchestrator, clock=lambda: made_at - 1)

    answer = await retried(api, OF_SAMPLE)

    assert [each["id"] for each in answer["items"]] == [old]
    bounded = await retried(api, {"filter": {"until": "2020-01-01T00:00:00Z"}})
    assert bounded["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ids": ["0" * 24], "cursor": "1.x"}, "bad-body"),
        ({"filter": {}, "cursor": "x"}, "bad-cursor"),
        ({"filter": {}, "cursor": "-1.x"}, "bad-cursor"),
        ({"filter": {}, "cursor": "1.x"}, "bad-cursor"),
    ],
    ids=["with-ids", "no-bound", "bad-bound", "bad-place"],
)
async def test_a_cursor_that_no_answer_gave_is_refused(api, body, code) -> None:
    answer = await api.post("/api/v1/runs:cancel", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
