"""When functions are those of a cluster, and how orders find them there."""

from dataclasses import replace

import pytest

from flume.cli.elsewhere import elsewhere_of
from flume.cli.local import Composition, options_of
from flume.cli.settings import read_settings
from flume.errors import SettingError
from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane

BROKER = {"FLUME_DISPATCH": "broker", "BROKER_URL": "http://broker-ingress/flume/flume"}


@pytest.fixture
def ask(new_invocation):
    """An order of an AI node for a model."""
    node_type = Registry(installed_node_types).get("llm-generate")
    return new_invocation(node_type=node_type, lane=Lane.GPU, config={"model": "phi"})


@pytest.mark.parametrize("environment", [{}, {"FLUME_DISPATCH": "broker"}, {"BROKER_URL": "http://b/"}])
def test_functions_are_those_of_this_machine_unless_a_cluster_or_a_broker_to_them_is_named(environment):
    assert elsewhere_of(read_settings(environment)) is None


@pytest.mark.parametrize("environment", [{"K8S_NAMESPACE": "shop"}, BROKER, {"K8S_NAMESPACE": "shop", **BROKER}])
def test_orders_are_for_functions_by_name_where_a_cluster_or_a_broker_is_named(environment, new_invocation):
    elsewhere = elsewhere_of(read_settings(environment))

    assert elsewhere.function_of(new_invocation()) == "fn-template-cpu"


@pytest.mark.parametrize(
    "environment", [{"K8S_NAMESPACE": "shop"}, {"K8S_NAMESPACE": "shop", "FLUME_DISPATCH": "broker"}]
)
def test_who_can_not_be_on_a_cluster_has_functions_of_its_own_whatever_the_settings_say_of_one(environment):
    assert elsewhere_of(read_settings(environment), may_be_on_cluster=False) is None


def test_a_broker_that_is_named_is_no_cluster(new_invocation):
    assert (
        elsewhere_of(read_settings(BROKER), may_be_on_cluster=False).function_of(new_invocation()) == "fn-template-cpu"
    )


def test_addresses_are_in_the_namespace_of_the_installation(new_invocation):
    elsewhere = elsewhere_of(read_settings({"K8S_NAMESPACE": "shop"}))

    order = new_invocation(function="fn-template-cpu")
    assert elsewhere.address_of(order) == "http://fn-template-cpu.shop.svc.cluster.local/"
    assert elsewhere.address_of(replace(order, lane=Lane.JOB, function="j")).endswith(".local/shop/j")


def test_a_cluster_with_orders_by_broker_needs_the_brokers_address():
    with pytest.raises(SettingError, match="BROKER_URL: expected the broker's address"):
        elsewhere_of(read_settings({"K8S_NAMESPACE": "shop", "FLUME_DISPATCH": "broker"}))


def test_the_file_with_models_is_read_anew_for_each_order_and_any_model_goes_without_it(tmp_path, ask):
    file = tmp_path / "models"
    elsewhere = elsewhere_of(read_settings({"K8S_NAMESPACE": "shop", "FLUME_MODELS_FILE": str(file)}))
    assert elsewhere.function_of(ask) == "model-phi"

    file.write_text("")
    assert elsewhere.function_of(ask).code == "unknown-model"

    file.write_text("qwen\nphi\n")
    assert elsewhere.function_of(ask) == "model-phi"
    assert "it has: phi, qwen" in elsewhere.function_of(replace(ask, config={"model": "x"})).message


def test_a_file_with_models_that_can_not_be_read_is_told_and_forbids_nothing(tmp_path, ask, caplog):
    elsewhere = elsewhere_of(read_settings({"K8S_NAMESPACE": "shop", "FLUME_MODELS_FILE": str(tmp_path)}))

    assert elsewhere.function_of(ask) == "model-phi"
    assert caplog.messages == ["the file with the names of models can't be read"]


def test_with_a_model_server_that_all_share_ai_nodes_have_functions_of_their_type(ask):
    shared = {"K8S_NAMESPACE": "shop", "VLLM_URL": "http://vllm:8000/v1"}

    assert elsewhere_of(read_settings(shared)).function_of(ask) == "fn-llm-generate-gpu"


@pytest.mark.parametrize(
    ("environment", "schedule", "expected"),
    [
        ({}, "0 3 * * *", False),
        ({"FLUME_CRON": "orchestrator"}, "0 3 * * *", False),
        ({"FLUME_CRON": "pingsource"}, "0 3 * * *", True),
        ({"FLUME_CRON": "pingsource"}, "0 0 3 * * *", False),
        ({"FLUME_CRON": "pingsource"}, "0 3 L * *", False),
    ],
)
def test_cron_is_left_to_pingsources_where_the_settings_say_so_and_one_can_do_it(environment, schedule, expected):
    settings = read_settings(environment)

    assert options_of(settings, Composition(settings, {}, None)).is_fired_elsewhere(schedule) is expected
    not_there = Composition(settings, {}, None, may_be_on_cluster=False)
    assert options_of(settings, not_there).is_fired_elsewhere(schedule) is False
