"""The operator as a process, between a real orchestrator and a stand-in for Kubernetes' API server."""

import json

import aiohttp
import pytest

from tests.unit.knative.platform.conftest import container, service_pod, waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

GREET = """\
apiVersion: flume.dev/v1
kind: Pipeline
metadata: {name: greet, namespace: shop}
spec:
  triggers:
  - {id: nightly, type: cron, schedule: "30 2 * * *"}
  - {id: orders, type: event, attributes: {type: com.example.order}}
  nodes:
  - {id: hello, type: template, config: {template: "Hello {{ trigger.data.name }}"}}
"""

WRONG = GREET.replace("type: template", "type: templat")

BY_API = {
    "apiVersion": "flume/v1",
    "kind": "Pipeline",
    "metadata": {"name": "report"},
    "triggers": [{"id": "daily", "type": "cron", "schedule": "@daily"}],
    "nodes": [{"id": "hello", "type": "template", "config": {"template": "Hello"}}],
}

RUN = """\
apiVersion: flume.dev/v1
kind: Run
metadata: {name: once, namespace: shop}
spec: {pipeline: greet, data: {name: Ada}}
"""


async def saved(installation, name="greet", namespace="shop"):
    status, found = await installation.call("GET", f"/pipelines/{name}?namespace={namespace}")
    return found if status == 200 else None


async def live(installation):
    """The operator, once the pipeline is in the API, with its objects."""
    await installation.kubernetes.apply(GREET)
    operator = installation.operator()
    await installation.until(lambda: installation.kubernetes.named("pingsources"), "a PingSource")
    await installation.until(lambda: installation.kubernetes.named("triggers"), "a Trigger")
    return operator


async def test_a_pipeline_that_is_applied_is_saved_and_gets_its_objects_and_its_address(installation):
    await live(installation)

    found = await saved(installation)
    assert (found["managedBy"], found["version"]) == ("cluster", 1)
    told = await installation.until(
        lambda: (installation.kubernetes.get("pipelines", "shop", "greet").get("status") or {}).get("address"),
        "an address",
    )
    async with aiohttp.ClientSession() as client:
        event = {
            "specversion": "1.0",
            "id": "1",
            "source": "/till",
            "type": "com.example.order",
            "data": {"name": "Ada"},
        }
        headers = {"Content-Type": "application/cloudevents+json"}
        async with client.post(told["url"], data=json.dumps(event), headers=headers) as answer:
            assert answer.status == 202, await answer.text()
    [source] = [each for key, each in installation.kubernetes.objects.items() if key[0] == "pingsources"]
    assert source["spec"]["schedule"] == "30 2 * * *"
    assert source["spec"]["sink"]["uri"] == told["url"]
    assert source["metadata"]["namespace"] == "flume"
    assert (await installation.call("PUT", "/pipelines/report", json=BY_API))[0] == 201
    assert (await installation.call("DELETE", "/pipelines/greet?namespace=shop"))[1]["code"] == "managed-by-cluster"


async def test_a_pipeline_is_ready_when_its_objects_are_and_says_which_is_not(installation):
    operator = await live(installation)
    kubernetes = installation.kubernetes
    await installation.until(
        lambda: (
            "PingSource" in installation.condition("pipelines", "shop", "greet").get("message", "")
            or "Trigger" in installation.condition("pipelines", "shop", "greet").get("message", "")
        ),
        "what it waits for",
    )
    for plural in ("pingsources", "triggers"):
        for name in kubernetes.named(plural):
            await kubernetes.report(plural, "flume", name, {"conditions": [{"type": "Ready", "status": "True"}]})
    await installation.until(
        lambda: installation.condition("pipelines", "shop", "greet").get("status") == "True", "its readiness"
    )
    # Once all is said, nobody writes any more. The last that is said is an event about it.
    about = "POST /api/v1/namespaces/shop/events"
    await installation.until(lambda: kubernetes.calls.count(about) >= 1, "the news")
    calls = [each for each in kubernetes.calls if "leases" not in each]
    seen = await operator.rounds()
    # The watches begin again, which is a reason to look; a second look comes after what was done because of the first.
    for more in (1, 2):
        await kubernetes.forget_history()

        async def has_looked(more=more):
            return await operator.rounds() >= seen + more

        await installation.until(has_looked, "another look")
    assert [each for each in kubernetes.calls if "leases" not in each] == calls


async def test_a_document_that_is_wrong_is_told_with_code_and_place_and_one_that_is_mended_is_saved(installation):
    await installation.kubernetes.apply(WRONG)
    installation.operator()
    told = await installation.until(
        lambda: (
            installation.condition("pipelines", "shop", "greet").get("status") == "False"
            and installation.condition("pipelines", "shop", "greet")
        ),
        "the refusal",
    )
    assert told["reason"] == "InvalidDefinition"
    assert "/spec/nodes/0/type" in told["message"]
    assert "(unknown-node-type)" in told["message"]
    assert "template" in told["message"]
    assert await saved(installation) is None

    await installation.kubernetes.apply(GREET)
    await installation.until(lambda: saved(installation), "the mended pipeline")
    await installation.until(
        lambda: installation.condition("pipelines", "shop", "greet", "Saved").get("status") == "True",
        "that it is saved",
    )


async def test_an_object_that_is_refused_is_told_of_its_owner_in_the_servers_words_and_made_when_it_may_be(
    installation,
):
    kubernetes = installation.kubernetes
    kubernetes.refusals["pingsources", "cron-shop-greet"] = (422, "spec.schedule: nobody wakes up at 2:30")
    await kubernetes.apply(GREET)
    operator = installation.operator()
    told = await installation.until(
        lambda: (
            installation.condition("pipelines", "shop", "greet").get("reason") == "ObjectRefused"
            and installation.condition("pipelines", "shop", "greet")
        ),
        "the refusal",
    )
    assert "spec.schedule: nobody wakes up at 2:30 (422); it is tried again" in told["message"]
    await kubernetes.apply(GREET.replace("greet", "other"))
    await installation.until(lambda: len(kubernetes.named("pingsources")) == 1, "the object of another pipeline")
    metrics = await operator.metrics()
    assert 'flume_operator_failures_total{kind="PingSource",reason="422"}' in metrics
    assert "flume_operator_held_back 1.0" in metrics
    assert "flume_operator_leading 1.0" in metrics

    kubernetes.refusals.clear()
    await installation.until(lambda: len(kubernetes.named("pingsources")) == 2, "the object that was refused")


CPU_NODE = "type: json-transform, runOn: cpu, config: {expression: a}, inputs: {data: 1}"


async def test_what_keeps_pods_of_a_function_from_starting_is_told_of_its_node_type_and_its_pipeline(installation):
    await installation.kubernetes.apply(
        GREET.replace('type: template, config: {template: "Hello {{ trigger.data.name }}"}', CPU_NODE)
    )
    installation.operator()
    [function] = await installation.until(lambda: installation.kubernetes.named("services"), "a Service")
    waits = waiting("ImagePullBackOff", "Back-off pulling image: no such manifest")
    made = service_pod("Pending", container(waits))
    made["metadata"]["labels"]["serving.knative.dev/service"] = function
    await installation.kubernetes.apply(json.dumps(made))
    await installation.kubernetes.report("pods", "flume", made["metadata"]["name"], made["status"])
    for plural, namespace, name in (("nodetypes", "flume", "json-transform"), ("pipelines", "shop", "greet")):
        told = await installation.until(
            lambda plural=plural, namespace=namespace, name=name: (
                installation.condition(plural, namespace, name, "FunctionsReady").get("reason") == "ImagePull"
                and installation.condition(plural, namespace, name)
            ),
            "the words of the platform",
        )
        assert (told["status"], told["reason"]) == ("False", "ImagePull")
        assert "Back-off pulling image: no such manifest" in told["message"]


async def test_a_change_reaches_the_api_and_the_objects(installation):
    await live(installation)
    await installation.kubernetes.apply(GREET.replace("30 2", "45 3"))

    def schedules():
        found = [each for key, each in installation.kubernetes.objects.items() if key[0] == "pingsources"]
        return [each["spec"]["schedule"] for each in found] == ["45 3 * * *"]

    await installation.until(schedules, "the other schedule")
    assert (await saved(installation))["version"] == 2
    await installation.kubernetes.apply(GREET.replace("spec:", "spec:\n  state: paused"))
    await installation.until(lambda: not installation.kubernetes.named("pingsources"), "the pause")
    assert (await saved(installation))["status"] == "paused"


async def test_a_pipeline_that_is_deleted_goes_with_its_objects_and_its_history_stays(installation):
    await live(installation)
    _, run = await installation.call("POST", "/pipelines/greet/invoke?namespace=shop", json={"name": "Ada"})
    # Ended first, so that nobody hears of the deletion.
    assert await installation.operators[0].end() == 0
    await installation.kubernetes.delete("pipelines", "shop", "greet")
    installation.operator()

    async def is_gone():
        return await saved(installation) is None and not installation.kubernetes.named("pingsources")

    await installation.until(is_gone, "the deletion")
    await installation.until(lambda: not installation.kubernetes.named("triggers"), "the end of triggers")
    status, kept = await installation.call("GET", f"/runs/{run['id']}?namespace=shop")
    assert (status, kept["pipeline"]) == (200, "greet")


async def test_a_pipeline_that_was_saved_through_the_api_gets_its_objects_and_keeps_its_name(installation):
    installation.operator()
    assert (await installation.call("PUT", "/pipelines/report", json=BY_API))[0] == 201
    await installation.until(lambda: installation.kubernetes.named("pingsources"), "its PingSource")

    await installation.kubernetes.apply(GREET.replace("greet", "report").replace("shop", "default"))
    told = await installation.until(
        lambda: (
            installation.condition("pipelines", "default", "report").get("reason") == "NameTaken"
            and installation.condition("pipelines", "default", "report")
        ),
        "that the name is taken",
    )
    assert "give this resource another name" in told["message"]
    assert (await saved(installation, "report", "default"))["managedBy"] == "api"

    await installation.call("DELETE", "/pipelines/report")
    await installation.until(
        lambda: installation.condition("pipelines", "default", "report", "Saved").get("status") == "True", "its turn"
    )


async def test_a_run_is_started_once_and_mirrored_to_its_end(installation):
    await live(installation)
    await installation.kubernetes.apply(RUN)
    await installation.kubernetes.apply(RUN.replace("once", "failing").replace("pipeline: greet", "pipeline: gret"))

    def status_of(name):
        return (installation.kubernetes.get("runs", "shop", name) or {}).get("status") or {}

    await installation.until(lambda: status_of("once").get("status") == "completed", "the end of the run")
    assert status_of("once")["output"] == "Hello Ada"
    assert status_of("once")["duration"]
    told = await installation.until(lambda: installation.condition("runs", "shop", "failing", "Started"), "why not")
    assert (told["status"], told["reason"]) == ("False", "NotFound")
    _, runs = await installation.call("GET", "/runs?namespace=shop&pipeline=greet")
    assert [each["id"] for each in runs["items"]] == [status_of("once")["runId"]]


async def test_of_two_operators_one_acts_and_when_it_dies_the_other_goes_on(installation):
    await live(installation)
    installation.operator()
    first, second = installation.operators
    await installation.until(lambda: "probes at" in second.said(), "the second one")
    await installation.until(lambda: is_ready(second), "its readiness, though it waits")
    assert '"leading"' not in second.said()

    first.kill()
    await installation.kubernetes.apply(GREET.replace("greet", "other"))
    await installation.until(lambda: saved(installation, "other"), "the work of the second")
    assert await second.end() == 0
    lease = installation.kubernetes.get("leases", "flume", "flume-operator")
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("", 2)


async def test_an_api_server_that_restarts_and_forgets_is_no_obstacle(installation):
    await live(installation)
    await installation.kubernetes.stop()
    await installation.kubernetes.forget_history()
    await installation.kubernetes.start()
    await installation.kubernetes.apply(GREET.replace("greet", "other"))
    await installation.until(lambda: saved(installation, "other"), "what was applied afterwards")


async def test_while_the_orchestrator_is_away_nothing_is_removed_and_afterwards_all_is_made_up_for(installation):
    await live(installation)
    before = set(installation.kubernetes.objects)
    installation.orchestrator.kill()
    await installation.kubernetes.apply(GREET.replace("greet", "other"))
    await installation.until(
        lambda: installation.condition("pipelines", "shop", "other").get("reason") == "EngineUnreachable", "the outage"
    )
    assert before <= set(installation.kubernetes.objects)
    installation.orchestrator.start()
    await installation.until(
        lambda: installation.condition("pipelines", "shop", "other", "Saved").get("status") == "True", "the rest"
    )


async def test_what_somebody_changed_or_deleted_by_hand_is_put_right(installation):
    await live(installation)
    kubernetes = installation.kubernetes
    # Four kinds of resources, four of objects, and three that kopf watches for itself; what changes before is found by the
    # look of the next minute.
    await installation.until(lambda: kubernetes.watch_count >= 11, "the watches")
    [trigger] = kubernetes.named("triggers")
    await kubernetes.delete("triggers", "flume", trigger)
    await installation.until(lambda: kubernetes.named("triggers") == [trigger], "the Trigger")
    [source] = kubernetes.named("pingsources")
    changed = dict(kubernetes.get("pingsources", "flume", source))
    changed = {key: changed[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    metadata = {"name": source, "namespace": "flume"}
    await kubernetes.apply(
        json.dumps({**changed, "metadata": metadata, "spec": {"schedule": "0 0 * * *"}}), "kubectl-edit"
    )
    await installation.until(
        lambda: kubernetes.get("pingsources", "flume", source)["spec"]["schedule"] == "30 2 * * *", "the schedule"
    )


async def is_ready(operator):
    try:
        return (await operator.ask("/readyz"))[0] == 200
    except aiohttp.ClientError:
        return False
