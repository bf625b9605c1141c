"""Which objects pipelines and models want."""

from dataclasses import replace
from datetime import timedelta

import pytest

from flume.pipeline import Lane
from knative.cluster import Dispatch
from knative.functions import functions_of
from knative.models import Model, Task
from knative.wanted import Surroundings, unserved_types, wanted_objects

PHI = Model("phi", "microsoft/phi-4")


def named(wanted):
    return [(each["kind"], each["metadata"]["name"]) for each in wanted.objects]


def generate(**more):
    return {"type": "llm-generate", "runOn": "gpu", "config": {"model": "phi"}, "inputs": {"prompt": "hi"}, **more}


def resize(lane="cpu", **more):
    return {"type": "resize", "runOn": lane, "config": {"expression": "@"}, **more}


@pytest.fixture
def around(registry):
    return Surroundings({each.name: each for each in registry.types()})


def test_a_pipeline_of_the_engine_alone_wants_nothing(new_plan, cluster):
    assert named(wanted_objects([new_plan({"type": "log", "inputs": {"message": "hi"}})], [], cluster)) == []


def test_each_lane_that_is_used_gets_one_function_however_many_nodes_and_pipelines_use_it(new_plan, cluster):
    plans = [new_plan(resize(), resize()), new_plan(resize(), resize("job"), name="q")]

    assert named(wanted_objects(plans, [], cluster)) == [("Service", "fn-resize-cpu"), ("JobSink", "fn-resize-job")]


def test_nodes_in_bodies_of_loops_count(new_plan, cluster):
    loop = {"type": "loop", "config": {"times": 2, "body": {"nodes": [{"id": "inner", **resize()}]}}}

    assert named(wanted_objects([new_plan(loop)], [], cluster)) == [("Service", "fn-resize-cpu")]


def test_other_resources_than_the_types_are_a_function_of_their_own(new_plan, cluster):
    plan = new_plan(
        resize("job", resources={"memory": "8Gi"}),
        resize("job", resources={"memory": "8Gi"}),
        resize("job", resources={"gpu": 1}),
        resize("job", resources={"cpu": "500m", "memory": "1Gi"}),
    )
    made = wanted_objects([plan], [], cluster).objects

    assert len(made) == len({each["metadata"]["name"] for each in made}) == 3
    assert "fn-resize-job" in {each["metadata"]["name"] for each in made}
    pods = [each["spec"]["job"]["spec"]["template"]["spec"] for each in made]
    assert [pod["containers"][0]["resources"]["limits"].get("nvidia.com/gpu") for pod in pods].count("1") == 1
    assert ["nodeSelector" in pod for pod in pods].count(True) == 1


def test_a_function_is_given_the_longest_time_that_one_of_its_nodes_may_take(new_plan, cluster):
    [function] = functions_of([new_plan(resize(timeout="4m"), resize(timeout="2m"))], {})
    [shortest] = functions_of([new_plan(resize(timeout="1m"))], {})

    assert function.timeout == timedelta(minutes=4)
    # Its type's own, so that a node with less is no reason for another revision.
    assert shortest.timeout == timedelta(seconds=90)


def test_paused_pipelines_and_drafts_want_nothing(new_plan, cluster):
    cron = {"type": "cron", "schedule": "@daily"}
    plans = [new_plan(resize(), name=state, state=state, trigger=cron) for state in ("paused", "draft")]

    assert named(wanted_objects(plans, [], cluster)) == []


def test_ai_nodes_on_gpus_are_served_by_models(new_plan, cluster, around):
    wanted = wanted_objects([new_plan(generate())], [PHI], cluster, around)

    assert named(wanted) == [("Service", "model-phi")]
    [service] = wanted.objects
    function, server = service["spec"]["template"]["spec"]["containers"]
    assert function["args"] == ["llm-generate", "llm-chat"]
    assert {"name": "VLLM_URL", "value": "http://127.0.0.1:8000/v1"} in function["env"]
    assert server["args"][:3] == ["microsoft/phi-4", "--served-model-name", "phi"]


def test_a_model_that_embeds_serves_the_type_that_does(cluster, around):
    [service] = wanted_objects([], [replace(PHI, task=Task.EMBED)], cluster, around).objects

    assert service["spec"]["template"]["spec"]["containers"][0]["args"] == ["embedding"]


def test_with_a_shared_model_server_they_are_functions_without_a_gpu_that_ask_it(new_plan, cluster, around):
    shared = replace(cluster, vllm_url="http://vllm:8000/v1")
    wanted = wanted_objects([new_plan(generate())], [PHI], shared, around)

    assert named(wanted) == [("Service", "fn-llm-generate-gpu")]
    pod = wanted.objects[0]["spec"]["template"]["spec"]
    assert {"name": "VLLM_URL", "value": "http://vllm:8000/v1"} in pod["containers"][0]["env"]
    assert "nodeSelector" not in pod


def test_ai_types_that_nothing_serves_are_told(new_plan, cluster):
    functions = functions_of([new_plan(generate())], {})

    assert unserved_types(functions, [], cluster) == ("llm-generate",)
    assert unserved_types(functions, [PHI], cluster) == ()
    assert unserved_types(functions, [], replace(cluster, vllm_url="http://vllm:8000/v1")) == ()


def test_in_broker_mode_each_function_has_a_trigger_for_its_orders_alone(new_plan, cluster, around):
    brokered = replace(cluster, dispatch=Dispatch.BROKER)
    wanted = wanted_objects([new_plan(resize(), resize("job"))], [PHI], brokered, around)

    assert named(wanted) == [
        ("Service", "fn-resize-cpu"),
        ("Trigger", "fn-resize-cpu"),
        ("JobSink", "fn-resize-job"),
        ("Trigger", "fn-resize-job"),
        ("Service", "model-phi"),
        ("Trigger", "model-phi"),
    ]
    wanted_by = [each["spec"]["filters"][0]["exact"] for each in wanted.objects if each["kind"] == "Trigger"]
    assert [each["flumefunction"] for each in wanted_by] == ["fn-resize-cpu", "fn-resize-job", "model-phi"]
    assert {each["type"] for each in wanted_by} == {"dev.flume.node.invoke"}
    assert [each.get("flumenodetype") for each in wanted_by] == ["resize", "resize", None]


def test_cron_and_event_triggers_become_objects_and_others_and_those_switched_off_do_not(new_plan, cluster):
    triggers = [
        {"type": "cron", "schedule": "@daily"},
        {"type": "cron", "schedule": "@hourly", "enabled": False},
        {"type": "event", "attributes": {"type": "com.example"}},
        {"type": "interval", "every": "5m"},
        {"type": "webhook"},
    ]
    plan = new_plan({"type": "log", "inputs": {"message": "hi"}}, triggers=triggers, namespace="shop")
    around = Surroundings(key_of=lambda namespace, pipeline: f"{namespace}+{pipeline}")
    wanted = wanted_objects([plan], [], cluster, around)

    assert [each["kind"] for each in wanted.objects] == ["PingSource", "Trigger"]
    ping, trigger = wanted.objects
    address = "http://flume-orchestrator.flume.svc.cluster.local:8000/events/shop/p?key=shop%2Bp"
    assert ping["spec"]["sink"]["uri"] == trigger["spec"]["subscriber"]["uri"] == address
    assert {each["metadata"]["namespace"] for each in wanted.objects} == {"flume"}


def test_a_schedule_that_knative_can_not_do_is_told_and_hinders_nothing_else(new_plan, cluster):
    triggers = [{"type": "cron", "id": "often", "schedule": "*/5 * * * * *"}, {"type": "cron", "schedule": "@daily"}]
    wanted = wanted_objects([new_plan(resize(), triggers=triggers, namespace="shop")], [], cluster)

    assert [each["kind"] for each in wanted.objects] == ["Service", "PingSource"]
    [unmet] = wanted.unmet
    assert (unmet.kind, unmet.namespace, unmet.name) == ("Pipeline", "shop", "p")
    assert unmet.problem.code == "schedule-not-on-knative"
    assert unmet.problem.message == (
        "trigger 'often': a PingSource can't do '*/5 * * * * *', so that the orchestrator fires it itself"
    )


def test_a_function_that_may_take_longer_than_the_cluster_allows_is_told_with_the_fix(new_plan, cluster, registry):
    tight = replace(cluster, function_timeout_max=timedelta(seconds=60))
    wanted = wanted_objects([new_plan(resize(), resize("job"))], [], tight)

    # A job has no such limit.
    assert named(wanted) == [("JobSink", "fn-resize-job")]
    [unmet] = wanted.unmet
    assert (unmet.kind, unmet.name, unmet.problem.code) == ("NodeType", "resize", "timeout-too-long")
    assert unmet.problem.message == "'resize' may take 90 s as a function, and this cluster ends requests after 60 s"
    assert "runOn: job" in unmet.problem.hint
    assert "max-revision-timeout-seconds in Knative's config-defaults to 90" in unmet.problem.hint


def test_the_order_of_what_comes_in_changes_nothing(new_plan, cluster, around):
    cron = {"type": "cron", "schedule": "@daily"}
    plans = [new_plan(resize("job"), resize(), name=name, trigger=cron) for name in ("b", "a", "c")]
    models = [PHI, Model("llama", "x")]

    assert wanted_objects(plans, models, cluster, around) == wanted_objects(plans[::-1], models[::-1], cluster, around)


def test_variables_of_a_node_types_resource_are_those_of_its_functions(new_plan, cluster):
    around = Surroundings(environments={"resize": {"QUALITY": "90"}})
    [service] = wanted_objects([new_plan(resize())], [], cluster, around).objects

    [container] = service["spec"]["template"]["spec"]["containers"]
    assert {"name": "QUALITY", "value": "90"} in container["env"]


def test_lanes_of_one_type_have_different_names():
    from flume.nodes.registry import Registry, installed_node_types
    from knative.functions import Resources, function_name

    template = Registry(installed_node_types).get("template")
    names = {function_name(template, lane, Resources(cpu)) for lane in Lane for cpu in (None, "1", "2")}
    assert len(names) == 3 * len(Lane)
