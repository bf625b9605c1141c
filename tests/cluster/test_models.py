"""A real model server, and a GPU, where there is one."""

import pytest

from tests.cluster.documents import GPU, vllm
from tests.cluster.gpus import reason_against_gpus
from tests.cluster.parameters import NAMESPACE


def test_an_ai_node_asks_a_real_model_server(site):
    if not (site.parameters.vllm_url and site.parameters.vllm_model):
        pytest.skip("VLLM_URL and VLLM_MODEL not set: no model server that pods can reach")
    site.apply(vllm(site.parameters.vllm_model))
    run = site.completed(site.start("vllm"), within_s=600)
    meta = run["nodes"]["ask"]["meta"]
    assert run["output"].strip()
    assert meta["usage"]["completion_tokens" if "completion_tokens" in meta["usage"] else "completionTokens"] > 0


def test_a_function_gets_its_gpu(site):
    reason = reason_against_gpus(
        site.kubectl.get("configmap", "config-features", "knative-serving"), site.kubectl.list("nodes")
    )
    if reason:
        pytest.skip(reason)
    site.apply(GPU)
    assert site.completed(site.start("on-gpu", 5), within_s=900)["output"] == 5
    pods = site.pods("flume.dev/lane=gpu")
    assert pods, f"no pod in lane gpu in {NAMESPACE}"
    limits = pods[0]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"
