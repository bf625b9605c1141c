"""Orders find their functions: each is carried by one Trigger alone, to the object that was made for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventing.invocations import Failed
from eventing.messages import FUNCTION, invoke_event
from flume.filters import parse_filters
from flume.pipeline import Lane
from knative.cluster import Dispatch
from knative.models import Model, Task
from knative.orders import SHOWN, KnownModels, address_of, function_of
from knative.wanted import Surroundings, wanted_objects

MODELS = [Model("phi", "microsoft/phi-4"), Model("microsoft/e5", "microsoft/e5", Task.EMBED)]

NODES = [
    {"type": "resize", "runOn": "cpu", "config": {"expression": "@"}},
    {"type": "resize", "runOn": "job", "config": {"expression": "@"}},
    {"type": "resize", "runOn": "job", "config": {"expression": "@"}, "resources": {"memory": "8Gi"}},
    {"type": "resize", "runOn": "job", "config": {"expression": "@"}, "resources": {"memory": "8Gi", "gpu": 1}},
    {"type": "http-request", "runOn": "cpu", "config": {"url": "https://example.org"}},
    {"type": "llm-generate", "runOn": "gpu", "config": {"model": "phi"}, "inputs": {"prompt": "hi"}},
    {
        "type": "llm-chat",
        "runOn": "gpu",
        "config": {"model": "phi"},
        "inputs": {"messages": [{"role": "user", "content": "hi"}]},
    },
    {"type": "embedding", "runOn": "gpu", "config": {"model": "microsoft/e5"}, "inputs": {"input": "a"}},
    {"type": "llm-generate", "runOn": "cpu", "config": {"model": "phi"}, "inputs": {"prompt": "hi"}},
]


@pytest.fixture
def orders_of(new_plan, new_invocation):
    """The invocations of a pipeline with these nodes, in their order, each with the config of the document."""

    def orders(*nodes):
        plan = new_plan(*nodes)
        return plan, [
            new_invocation(
                node_id=node.id,
                instance=node.id,
                node_type=node.type,
                lane=node.lane,
                resources=node.resources or {},
                config=nodes[int(node.id[1:])]["config"],
            )
            for node in plan.nodes.values()
        ]

    return orders


def as_event(order, models, **facts):
    named = replace(order, function=function_of(order, models, **facts))
    return invoke_event(named, datetime.now(UTC) + timedelta(minutes=1))


@pytest.mark.parametrize("vllm_url", ["", "http://vllm:8000/v1"])
def test_each_order_of_a_pipeline_is_for_one_trigger_alone_which_leads_to_the_object_it_names(
    orders_of, cluster, registry, vllm_url
):
    plan, orders = orders_of(*NODES)
    brokered = replace(cluster, dispatch=Dispatch.BROKER, vllm_url=vllm_url)
    around = Surroundings({each.name: each for each in registry.types()})
    wanted = wanted_objects([plan], MODELS, brokered, around).objects
    triggers = [each for each in wanted if each["kind"] == "Trigger"]
    objects = {each["metadata"]["name"] for each in wanted if each["kind"] in ("Service", "JobSink")}

    led_to = []
    for order in orders:
        event = as_event(order, KnownModels(), shares_models=bool(vllm_url))
        [trigger] = [each for each in triggers if parse_filters(each["spec"]["filters"]).matches(event.attributes)]
        assert trigger["spec"]["subscriber"]["ref"]["name"] == event.extensions[FUNCTION]
        led_to.append(event.extensions[FUNCTION])

    assert set(led_to) == objects == {each["metadata"]["name"] for each in triggers}


def test_other_lanes_resources_and_models_are_other_functions(orders_of):
    _, orders = orders_of(*NODES)
    names = [function_of(order, KnownModels()) for order in orders]

    assert names[0] == "fn-resize-cpu"
    assert names[1] == "fn-resize-job"
    assert names[5] == names[6] == "model-phi"
    assert names[8] == "fn-llm-generate-cpu"
    assert len(set(names)) == len(names) - 1


def test_a_model_that_is_not_there_is_told_with_those_that_are(orders_of):
    _, [order] = orders_of(NODES[5])

    assert function_of(order, KnownModels({"phi", "e5"})) == "model-phi"
    refused = function_of(order, KnownModels({"qwen", "e5"}))
    assert isinstance(refused, Failed)
    assert (refused.code, refused.retryable) == ("unknown-model", False)
    assert "no Model 'phi' on this cluster; it has: e5, qwen (" in refused.message
    assert "it has: none" in function_of(order, KnownModels(())).message


def test_of_many_models_some_are_named(orders_of):
    _, [order] = orders_of(NODES[5])
    many = KnownModels([f"m{number:02}" for number in range(SHOWN + 3)])

    assert function_of(order, many).message.count(", m") == SHOWN - 1
    assert "and 3 more" in function_of(order, many).message


@pytest.mark.parametrize("model", [None, "", 7, ["phi"]])
def test_what_is_no_name_of_a_model_is_told(orders_of, model):
    _, [order] = orders_of(NODES[5])

    refused = function_of(replace(order, config={"model": model}), KnownModels())
    assert (refused.code, refused.message) == ("bad-input", "/config/model: expected the name of a model")


def test_a_service_has_an_address_of_its_own_and_all_job_sinks_have_one(new_invocation):
    service = new_invocation(function="fn-resize-cpu", lane=Lane.CPU)
    job = new_invocation(function="fn-resize-job", lane=Lane.JOB)

    assert address_of(service, "flume") == "http://fn-resize-cpu.flume.svc.cluster.local/"
    assert address_of(job, "flume") == "http://job-sink.knative-eventing.svc.cluster.local/flume/fn-resize-job"
