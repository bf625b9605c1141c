"""Nodes in function processes of this machine, through a whole orchestrator: values, lines, deaths and cancellations."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest

from eventing.broker import Disorder
from eventing.datarefs import payload_id
from flume.ids import NodeId
from orchestrator.state import RunStatus

pytestmark = pytest.mark.slow

MIB = 1024 * 1024


async def test_values_of_a_mebibyte_go_in_and_out_and_the_line_is_kept(site):
    run = await site.run("echo", {"text": "{{ trigger.data }}"}, data="ü" * MIB)

    assert run.status is RunStatus.COMPLETED, run.root.error
    assert (await site.output(run))["text"] == "ü" * MIB
    page = await site.orchestrator.store.read_logs(run.id)
    assert [(line.message, line.fields) for line in page.items] == [("echoed", {"characters": MIB})]
    timing = run.root.nodes[NodeId("n")].attempts[0].timing
    assert timing["coldStartMs"] > 0
    token = site.orchestrator.tokens.make(run.id, "n", 1)
    for purpose in ("invoke", "answer"):
        assert await site.orchestrator.store.read_payload(payload_id(token, purpose)) is None


async def test_an_attempt_survives_that_a_replica_which_lost_the_run_lets_go_of_its_data(site, monkeypatch):
    store, taken = site.orchestrator.store, []
    read_payload = store.read_payload

    async def read_too_late(payload_id):
        if payload_id in exchanged and payload_id not in taken:
            taken.append(payload_id)
            await store.release_payloads(run_id, [payload_id])
        return await read_payload(payload_id)

    run_id = await site.begin("echo", {"text": "{{ trigger.data }}"}, data="x" * MIB)
    token = site.orchestrator.tokens.make(run_id, "n", 1)
    exchanged = [payload_id(token, "invoke"), payload_id(token, "answer")]
    monkeypatch.setattr(store, "read_payload", read_too_late)
    run = await site.end(run_id)

    assert (run.status, taken) == (RunStatus.COMPLETED, exchanged), run.root.error
    assert run.root.nodes[NodeId("n")].attempt == 1
    assert (await site.output(run))["text"] == "x" * MIB


async def test_a_process_takes_more_runs_and_several_at_a_time(site):
    first = await site.run("echo", {"text": "a"})

    runs = await asyncio.gather(*(site.run("echo", {"text": str(number)}) for number in range(8)))

    outputs = [await site.output(run) for run in (first, *runs)]
    assert [output["text"] for output in outputs] == ["a", *map(str, range(8))]
    assert site.functions["echo"].events == 9
    assert site.functions["echo"].cold_starts < 4


async def test_a_function_process_sees_no_setting_no_token_and_no_secret_but_its_own(open_site, monkeypatch):
    monkeypatch.setenv("FLUME_API_TOKEN", "token-of-the-api")
    monkeypatch.setenv("FLUME_TOKEN", "token-of-commands")
    monkeypatch.setenv("FLUME_DATA", "/somewhere")
    monkeypatch.setenv("FLUME_SECRET_OTHER", "open-sesame")
    monkeypatch.setenv("CUDA_HOME", "/opt/cuda")
    async with open_site(secrets={"MINE": "secret-of-mine", "OTHER": "open-sesame"}) as site:
        seen = await site.output(await site.run("environment"))

    # A node's output is masked: what it was given is told by the name alone.
    ours = {name for name in seen if name.startswith(("FLUME_", "MONGODB", "REDIS"))}
    assert ours == {"FLUME_SECRET_MINE", "FLUME_GRACE", "FLUME_CACHE"}
    assert seen["CUDA_HOME"] == "/opt/cuda"
    assert seen["ENGINE_URL"].startswith("http://127.0.0.1:")
    assert not {"token-of-the-api", "token-of-commands", "open-sesame", "secret-of-mine"} & set(seen.values())


async def test_what_a_function_prints_is_told_line_by_line_without_secrets(open_site):
    told = []
    async with open_site(secrets={"WORD": "last words"}, on_line=lambda name, line: told.append((name, line))) as site:
        await site.run("exits", retry={"attempts": 1})

    assert told[:2] == [("exits", "about to leave"), ("exits", "•••")]


@pytest.mark.parametrize("dispatch", ["direct", "broker"])
async def test_a_function_that_ends_its_process_fails_the_attempt_with_its_last_lines(open_site, dispatch):
    async with open_site(dispatch=dispatch) as site:
        run = await site.run("exits", retry={"attempts": 1})

        assert run.status is RunStatus.FAILED
        assert run.root.error.code == "crashed"
        assert "the process of function 'exits' ended with 7" in run.root.error.message
        assert "about to leave\nlast words" in run.root.error.message
        assert "ended with 7" in site.functions["exits"].crash.reason
        assert site.functions["exits"].cold_starts == 2


@pytest.mark.parametrize(
    ("dispatch", "disorder"),
    [("direct", None), ("broker", None), ("broker", Disorder(1, duplicates=1.0, delay=timedelta(milliseconds=20)))],
)
async def test_a_function_that_is_killed_at_work_is_asked_once_more_with_the_same_key(
    open_site, dispatch, disorder, tmp_path, began, until
):
    async with open_site(dispatch=dispatch, disorder=disorder) as site:
        run_id = await site.begin("work", {"folder": str(tmp_path)})
        [(pid, key)] = await until(began)

        os.kill(pid, signal.SIGKILL)

        await until(lambda: len(began()) == 2)
        (tmp_path / "go").touch()
        run = await site.end(run_id)
        assert (run.status, await site.output(run)) == (RunStatus.COMPLETED, key)
    assert [each for _, each in began()] == [key, key]
    assert run.root.nodes[NodeId("n")].attempt == 1


@pytest.mark.parametrize("dispatch", ["direct", "broker"])
async def test_a_node_of_a_cancelled_run_is_cancelled_in_its_function(open_site, dispatch, tmp_path, began, until):
    async with open_site(dispatch=dispatch) as site:
        run_id = await site.begin("work", {"folder": str(tmp_path)})
        [(pid, _)] = await until(began)

        await site.orchestrator.engine.cancel(run_id)

        assert (await site.end(run_id)).status is RunStatus.CANCELLED
        await until((tmp_path / "cancelled").exists)
        # The process goes on, and takes the next.
        (tmp_path / "go").touch()
        assert (await site.run("work", {"folder": str(tmp_path)})).status is RunStatus.COMPLETED
    assert [each for each, _ in began()] == [pid, pid]


async def test_leaving_ends_all_processes_and_a_restart_on_the_same_data_does_the_work_again(
    open_site, tmp_path, began, until, is_alive
):
    async with open_site(tmp_path / "data") as site:
        run_id = await site.begin("work", {"folder": str(tmp_path)})
        [(pid, key)] = await until(began)
    assert not is_alive(pid)
    (tmp_path / "go").touch()
    async with open_site(tmp_path / "data") as site:
        assert (await site.end(run_id)).status is RunStatus.COMPLETED
    assert [each for _, each in began()] == [key, key]
