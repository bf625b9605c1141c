"""The table of built-in node types, as the registry finds them."""

import subprocess
import sys
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import Registry, Role
from flume.nodes.registry import installed_node_types
from flume.testing import run_node
from flume.validation import validate
from functions.nodes.http import HttpResponse

BUILT_IN = {
    "condition": ("Logic", True),
    "delay": ("Utility", False),
    "embedding": ("AI", False),
    "error": ("Utility", False),
    "http-request": ("HTTP", False),
    "http-response": ("HTTP", False),
    "json-transform": ("Transform", True),
    "llm-chat": ("AI", False),
    "llm-generate": ("AI", False),
    "log": ("Utility", True),
    "loop": ("Logic", False),
    "mongodb-insert": ("Database", False),
    "mongodb-query": ("Database", False),
    "redis-get": ("Database", False),
    "redis-set": ("Database", False),
    "switch": ("Logic", True),
    "template": ("Transform", True),
    "variable-set": ("Logic", True),
}


def test_every_built_in_type_is_found_and_described() -> None:
    registry = Registry(installed_node_types)

    found = {node_type.name: node_type for node_type in registry.types()}

    assert registry.failures == ()
    assert {name: (found[name].category, found[name].pure) for name in BUILT_IN} == BUILT_IN
    assert all(found[name].description for name in BUILT_IN)
    # Whose config may hold a secret that the pipeline's author chose.
    assert {name for name in found if found[name].secrets == ("*",)} == {
        *("embedding", "llm-chat", "llm-generate", "http-request", "script"),
        *("mongodb-insert", "mongodb-query", "redis-get", "redis-set"),
    }
    assert {name for name in BUILT_IN if found[name].run_on == "gpu"} == {"embedding", "llm-chat", "llm-generate"}


@pytest.mark.slow
def test_describing_the_http_node_imports_no_http_client() -> None:
    code = "import sys; from functions.nodes.http import HttpRequest; sys.exit('httpx' in sys.modules)"

    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_describing_the_llm_nodes_imports_no_client() -> None:
    code = "import sys; from functions.nodes.llm import LlmChat; sys.exit('openai' in sys.modules)"

    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_describing_the_database_nodes_imports_no_driver() -> None:
    drivers = "{'bson', 'pymongo', 'redis'} & set(sys.modules)"
    code = (
        f"import sys, functions.nodes.mongodb, functions.nodes.redis_keys; sys.exit(str({drivers}) if {drivers} else 0)"
    )

    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_the_types_of_the_sdk_need_no_pydantic() -> None:
    code = "import sys, flume.nodes, flume.nodes.types; sys.exit('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


async def test_http_response_gives_the_body_with_status_and_headers_as_meta() -> None:
    result = await run_node(HttpResponse, {"status": 201, "headers": {"X-Count": 2}}, {"body": {"a": 1}})

    assert result.output == {"a": 1}
    assert result.meta == {"status": 201, "headers": {"X-Count": "2"}}
    assert Registry(installed_node_types).get("http-response").role is Role.RESPONSE


async def test_http_response_sends_no_body_with_a_status_that_has_none() -> None:
    assert (await run_node(HttpResponse, {"status": 204}, {"body": "x"})).output is None


@pytest.mark.parametrize(
    "config",
    [
        {"headers": {"Set-Cookie": "a=b"}},
        {"headers": {"set-cookie": "a=b"}},
        {"headers": {"Connection": "close"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"Content-Length": 3}},
        {"headers": {"Clear-Site-Data": "*"}},
        {"headers": {"X-A": "b\r\nSet-Cookie: a=b"}},
        {"headers": {"X-A: b": "c"}},
        {"status": 199},
        {"status": 600},
        {"status": "many"},
    ],
)
async def test_http_response_refuses_what_would_reach_beyond_its_answer(config: dict[str, Any]) -> None:
    with pytest.raises(NodeError) as failed:
        await run_node(HttpResponse, config)

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)
    assert "a=b" not in str(failed.value)


def test_numbers_and_booleans_may_stand_where_http_wants_text() -> None:
    text = """apiVersion: flume/v1
kind: Pipeline
metadata: {name: scalars}
nodes:
  - id: ask
    type: http-request
    config: {url: "http://example.org", expect: [404, 2xx], query: {page: 2, tags: [1, true]}, headers: {X-Count: 3}}
    inputs: {form: {count: 1}}
  - {id: one-status, type: http-request, config: {url: "http://example.org", expect: 404}}
  - {id: answer, type: http-response, config: {headers: {X-Count: 2}}}
"""
    assert validate(text, Registry(installed_node_types)).problems == ()
