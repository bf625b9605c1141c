"""Orders that find their functions by the names of a cluster. A stand-in does Knative's part: Services, JobSinks, a broker."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from eventing.broker import Disorder
from flume.cli.elsewhere import elsewhere_of
from flume.cli.node_files import make_registry
from flume.cli.serving import serving
from flume.cli.settings import read_settings
from flume.nodes.descriptions import as_json
from flume.nodes.discovery import load_path
from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane
from flume.source import read_source
from flume.validation import validate
from knative.cluster import Cluster, Dispatch
from knative.manifests.triggers import answers_trigger
from knative.models import Model
from knative.wanted import Surroundings, wanted_objects
from orchestrator.runs import Start
from orchestrator.values import RunValues
from tests.servers.knative import Knative
from tests.servers.own_process import free_port

pytestmark = pytest.mark.slow

CUSTOM_NODES = Path(__file__).parents[2] / "cluster" / "nodes"

CHAIN = {
    "nodes": [
        {"id": "first", "type": "echo", "runOn": "cpu", "inputs": {"text": "{{ trigger.data }}"}},
        {"id": "job", "type": "echo", "runOn": "job", "inputs": {"text": "{{ first.output.text }}, a job"}},
        {"id": "large", "type": "echo", "runOn": "job", "resources": {"memory": "8Gi"}, "inputs": {"text": "large"}},
        {"id": "last", "type": "template", "config": {"template": "{{ job.output.text }} ({{ large.output.text }})"}},
    ],
    "edges": [
        {"from": "first", "to": "job"},
        {"from": "first", "to": "large"},
        {"from": "job", "to": "last"},
        {"from": "large", "to": "last"},
    ],
}

START_MS = 50
"""No process of Python that can take an order has started in less."""


def pipeline(name="chain", **body):
    return json.dumps({"apiVersion": "flume/v1", "kind": "Pipeline", "metadata": {"name": name}, **body})


def one(node_type, inputs=None, **more):
    return pipeline(node_type, nodes=[{"id": "n", "type": node_type, "inputs": inputs or {}, **more}])


@pytest.fixture
async def knative(tmp_path, nodes, plain_environment, request):
    disorder = getattr(request, "param", Disorder(seed=0))
    async with Knative(plain_environment, tmp_path, [nodes], disorder=disorder).serving() as stand_in:
        yield stand_in


@pytest.fixture
def make_objects(nodes, knative):
    """Makes what an operator makes of pipelines, and applies it."""

    def apply(*texts, dispatch=Dispatch.DIRECT, models=()):
        registry = make_registry([nodes])
        plans = [validate(text, registry).require_plan() for text in texts]
        cluster = Cluster(dispatch=dispatch)
        around = Surroundings({each.name: each for each in registry.types()})
        made = wanted_objects(plans, models, cluster, around)
        assert made.unmet == ()
        knative.apply([*made.objects, *([answers_trigger(cluster)] if dispatch is Dispatch.BROKER else [])])

    return apply


@pytest.fixture
def open_server(knative, nodes, tmp_path):
    """Opens an orchestrator that calls functions by their names on the cluster."""

    @asynccontextmanager
    async def opened(**more):
        port = free_port()
        knative.engine_url = f"http://127.0.0.1:{port}"
        settings = read_settings(
            {
                "FLUME_DATA": str(tmp_path / "data"),
                "FLUME_NODES": str(nodes),
                "FLUME_GRACE": "0",
                "K8S_NAMESPACE": "flume",
                "ENGINE_URL": knative.engine_url,
                **more,
            }
        )
        elsewhere = replace(elsewhere_of(settings), address_of=knative.address_of)
        async with serving(settings, "127.0.0.1", port, secrets={}, elsewhere=elsewhere) as server:
            yield server

    return opened


async def begin(server, document, data=None):
    orchestrator = server.orchestrator
    record = (await orchestrator.pipelines.save(read_source(document))).record
    return (await orchestrator.runs.start(record, Start(data=data))).run_id


async def end(server, run_id):
    orchestrator = server.orchestrator
    with orchestrator.engine.watch(run_id) as watch:
        stored = await orchestrator.store.load_run(run_id)
        return stored.run if stored.run.status.is_ended else await watch.until(lambda run: run.status.is_ended)


async def run_to_end(server, document, data=None):
    return await end(server, await begin(server, document, data))


async def test_services_are_called_and_jobs_are_started_by_the_names_of_their_objects(
    knative, make_objects, open_server
):
    document = pipeline(**CHAIN)
    make_objects(document)
    async with open_server() as server:
        run = await run_to_end(server, document, "hello")
        output = await RunValues(server.orchestrator.store).load_output(run.root.output)

    assert (run.status, output) == ("completed", "hello, a job (large)"), run.root.error
    services, jobs = dict(knative.starts), dict(knative.jobs)
    assert services == {"fn-echo-cpu": 1}
    assert len(jobs) == 2
    assert "fn-echo-job" in jobs
    assert {name for name, _ in knative.orders} == {*services, *jobs}
    assert all(event.extensions["flumefunction"] == name for name, event in knative.orders)


async def test_a_start_from_zero_is_told_apart_from_the_work_and_a_warm_process_has_none(
    knative, make_objects, open_server
):
    document = one("echo", {"text": "a"})
    make_objects(document)
    async with open_server() as server:
        cold, warm = [await run_to_end(server, document) for _ in range(2)]

    [first], [second] = (run.root.nodes["n"].attempts for run in (cold, warm))
    wall_ms = first.ended_at - first.started_at
    assert sum(first.timing.values()) == wall_ms
    assert first.timing["coldStartMs"] > START_MS
    assert second.timing["coldStartMs"] == 0
    assert dict(knative.starts) == {"fn-echo-cpu": 1}


async def test_a_job_is_a_cold_start_each_time(knative, make_objects, open_server):
    document = one("echo", {"text": "a"}, runOn="job")
    make_objects(document)
    async with open_server() as server:
        runs = [await run_to_end(server, document) for _ in range(2)]

    for run in runs:
        [attempt] = run.root.nodes["n"].attempts
        assert attempt.timing["coldStartMs"] > START_MS
    assert dict(knative.jobs) == {"fn-echo-job": 2}


async def test_a_function_that_does_not_serve_yet_is_waited_for_and_costs_no_attempt(
    knative, make_objects, open_server, until
):
    knative.not_yet = 2
    document = one("echo", {"text": "a"}, retry={"attempts": 1})
    async with open_server() as server:
        run_id = await begin(server, document)
        await until(lambda: knative.unknown)
        make_objects(document)
        run = await end(server, run_id)

    assert (run.status, run.root.nodes["n"].attempt) == ("completed", 1), run.root.error
    assert knative.refused["fn-echo-cpu"] == 2


async def test_a_job_of_which_nothing_is_heard_is_lost_and_tried_again_as_another_one(
    knative, make_objects, open_server, tmp_path
):
    # The first process dies, and nobody says so.
    document = one("exits", runOn="job", startTimeout="1500ms", retry={"attempts": 2, "delay": "10ms"})
    make_objects(document)
    async with open_server() as server:
        run = await run_to_end(server, document)

    assert (run.status, run.root.error.code) == ("failed", "lost")
    assert "asked once: nothing was heard of it" in run.root.error.message
    assert knative.jobs == {"fn-exits-job": 2}
    assert len({event.id for _, event in knative.orders}) == 2


@pytest.fixture
def shout(knative, nodes):
    """A node type that the orchestrator has no file of, as its image describes it, and its function on the cluster."""
    knative.nodes = [nodes, CUSTOM_NODES]
    described = Registry(installed_node_types)
    load_path(described, CUSTOM_NODES)
    node_type = replace(described.get("shout"), implementation=None, image="custom:1", lanes=(Lane.CPU, Lane.JOB))
    registry = make_registry([])
    registry.add(node_type, source="image")
    plans = [validate(one("shout", {"text": "a"}, runOn=lane), registry).require_plan() for lane in ("cpu", "job")]
    knative.apply(wanted_objects(plans, [], Cluster()).objects)
    return node_type


async def test_a_type_that_the_api_was_told_is_done_by_its_function_in_each_of_its_lanes(knative, shout, open_server):
    async with open_server() as server, Registered(server.url) as api:
        await api.put(shout)
        runs = [
            await run_to_end(server, one("shout", {"text": "{{ trigger.data }}"}, runOn=lane), "quiet")
            for lane in ("cpu", "job")
        ]
        outputs = [await RunValues(server.orchestrator.store).load_output(run.root.output) for run in runs]

    assert outputs == ["QUIET", "QUIET"], [run.root.error for run in runs]
    assert (dict(knative.starts), dict(knative.jobs)) == ({"fn-shout-cpu": 1}, {"fn-shout-job": 1})


async def test_a_run_under_way_fails_at_its_next_node_of_a_type_that_goes(
    knative, shout, open_server, make_objects, tmp_path, began, until
):
    work = {"id": "work", "type": "work", "inputs": {"folder": str(tmp_path)}}
    after = {"id": "after", "type": "shout", "runOn": "cpu", "inputs": {"text": "never"}}
    document = pipeline("long", nodes=[work, after], edges=[{"from": "work", "to": "after"}])
    make_objects(one("work", {"folder": str(tmp_path)}))
    async with open_server() as server, Registered(server.url) as api:
        await api.put(shout)
        run_id = await begin(server, document)
        await until(began)
        await api.delete("shout")
        (tmp_path / "go").touch()
        run = await end(server, run_id)

    assert (run.root.error.code, run.root.error.node) == ("node-type-changed", "after")
    assert "node type 'shout' is gone" in run.root.error.message
    assert run.root.nodes["work"].status == "completed"
    assert run.root.nodes["after"].attempt == 1
    assert "fn-shout-cpu" not in knative.starts


class Registered:
    """Saves and deletes node types at the API, as the operator does."""

    def __init__(self, url):
        self._client = httpx.AsyncClient(base_url=url)

    async def __aenter__(self):
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self._client.__aexit__(*error)

    async def put(self, node_type):
        answer = await self._client.put(f"/api/v1/nodes/{node_type.name}", json=as_json(node_type))
        assert answer.status_code == 201, answer.text

    async def delete(self, name):
        answer = await self._client.delete(f"/api/v1/nodes/{name}")
        assert answer.status_code == 204, answer.text


async def test_an_ai_node_is_for_the_function_of_its_model_and_an_unknown_model_is_told(
    knative, make_objects, open_server, tmp_path, dictated_model
):
    knative.environment = {**knative.environment, "VLLM_URL": dictated_model.url}
    dictated_model.say("hello")
    dictated_model.finish()
    document = pipeline(
        "ask",
        nodes=[
            {
                "id": "n",
                "type": "llm-generate",
                "runOn": "gpu",
                "config": {"model": "{{ trigger.data }}"},
                "inputs": {"prompt": "hi"},
                "retry": {"attempts": 1},
            }
        ],
    )
    make_objects(document, models=[Model("phi", "microsoft/phi-4")])
    known = tmp_path / "models"
    known.write_text("phi\nqwen\n")
    async with open_server(FLUME_MODELS_FILE=str(known)) as server:
        asked = await run_to_end(server, document, "phi")
        unknown = await run_to_end(server, document, "phi-9")

    assert asked.status == "completed", asked.root.error
    assert [name for name, _ in knative.orders] == ["model-phi"]
    assert unknown.root.error.code == "unknown-model"
    assert "no Model 'phi-9' on this cluster; it has: phi, qwen" in unknown.root.error.message


@pytest.fixture
def orchestrator_process(knative, command, nodes, call, eventually):
    """Starts `flume orchestrator` in broker mode, each time on the same port and data; the process."""
    port = free_port()
    knative.engine_url = f"http://127.0.0.1:{port}"

    def is_ready():
        try:
            return call("GET", f"{knative.engine_url}/readyz")
        except OSError:
            return None

    def start():
        process = command(
            *("orchestrator", "--port", str(port)),
            FLUME_NODES=str(nodes),
            FLUME_DISPATCH="broker",
            BROKER_URL=knative.broker_url,
            K8S_NAMESPACE="flume",
            ENGINE_URL=knative.engine_url,
        )
        eventually(is_ready)
        return process

    return start


@pytest.fixture
def remote(knative, call):
    """Calls the orchestrator's API, in a thread."""

    async def send(method, path, body=None):
        content = None if body is None else body.encode()
        return await asyncio.to_thread(call, method, knative.engine_url + path, content)

    return send


async def ended(remote, run_id):
    async with asyncio.timeout(60):
        while True:
            run = await remote("GET", f"/api/v1/runs/{run_id}")
            if run["status"] not in ("pending", "running"):
                return run
            await asyncio.sleep(0.05)


async def invoke(remote, document, data=None):
    name = json.loads(document)["metadata"]["name"]
    await remote("PUT", f"/api/v1/pipelines/{name}", document)
    return (await remote("POST", f"/api/v1/pipelines/{name}/invoke", json.dumps(data)))["id"]


async def test_a_broker_carries_a_chain_across_lanes_while_the_orchestrator_is_killed_and_started_again(
    knative, make_objects, orchestrator_process, remote, tmp_path, began, until
):
    work = {"id": "work", "type": "work", "runOn": "job", "inputs": {"folder": str(tmp_path)}}
    document = pipeline(
        nodes=[*CHAIN["nodes"], work],
        edges=[*CHAIN["edges"], {"from": "first", "to": "work"}, {"from": "work", "to": "last"}],
    )
    make_objects(document, dispatch=Dispatch.BROKER)
    process = await asyncio.to_thread(orchestrator_process)
    run_id = await invoke(remote, document, "hello")
    await until(began)
    process.kill()
    await asyncio.to_thread(process.wait)
    (tmp_path / "go").touch()  # its answer comes while nobody is there to take it
    await asyncio.to_thread(orchestrator_process)
    run = await ended(remote, run_id)

    assert (run["status"], run["output"]) == ("completed", "hello, a job (large)"), run["error"]
    assert len(began()) == 1, "the work was done once"
    assert [node["attempt"] for node in run["nodes"].values()] == [1] * 5
    assert knative.starts == {"fn-echo-cpu": 1}
    assert knative.jobs["fn-work-job"] == 1
    assert knative.letters == []


@pytest.mark.parametrize("knative", [Disorder(seed=1, duplicates=1.0)], indirect=True, ids=["each event"])
async def test_what_a_broker_delivers_twice_is_done_and_taken_once(knative, make_objects, orchestrator_process, remote):
    document = one("echo", {"text": "a"})
    make_objects(document, dispatch=Dispatch.BROKER)
    await asyncio.to_thread(orchestrator_process)
    run = await ended(remote, await invoke(remote, document))
    await knative.drained()

    assert (run["status"], run["nodes"]["n"]["attempt"]) == ("completed", 1), run["error"]
    assert [event.id for _, event in knative.orders] == [f"{run['id']}.n.1"] * 2
    lines = await remote("GET", f"/api/v1/runs/{run['id']}/logs")
    assert [line["message"] for line in lines["items"]] == ["echoed"]


async def test_a_start_by_a_broker_is_told_apart_from_the_work(knative, make_objects, orchestrator_process, remote):
    document = one("echo", {"text": "a"})
    make_objects(document, dispatch=Dispatch.BROKER)
    await asyncio.to_thread(orchestrator_process)
    runs = [await ended(remote, await invoke(remote, document, number)) for number in range(2)]

    cold, warm = (run["nodes"]["n"]["meta"]["timing"] for run in runs)
    assert cold["coldStartMs"] > START_MS
    assert warm["coldStartMs"] == 0


async def test_an_order_that_can_not_be_delivered_is_a_dead_letter_and_another_attempt_follows(
    knative, make_objects, orchestrator_process, remote, until
):
    document = one("echo", {"text": "a"}, retry={"attempts": 2, "delay": "10ms"})
    make_objects(document, dispatch=Dispatch.BROKER)
    service = knative.objects.pop(("Service", "fn-echo-cpu"))
    await asyncio.to_thread(orchestrator_process)
    run_id = await invoke(remote, document)
    await until(lambda: knative.letters)
    knative.apply([service])
    run = await ended(remote, run_id)

    node = run["nodes"]["n"]
    assert (run["status"], node["attempt"]) == ("completed", 2), run["error"]
    assert [attempt["error"]["code"] for attempt in node["attempts"] if attempt["error"]] == ["undelivered"]
