"""What tests of several folders use: real servers, each started with the first test that wants it, and builders."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from eventing.invocations import Invocation
from flume.ids import Instance, NodeId, RunId
from flume.nodes.registry import Registry, installed_node_types

pytest_plugins = (
    "tests.servers.model",
    "tests.servers.model_dictated",
    "tests.servers.mongodb",
    "tests.servers.valkey",
)

# The same examples in every run; `--hypothesis-profile=default` looks for others.
settings.register_profile("same-examples", derandomize=True, deadline=None)
settings.load_profile("same-examples")
# Hypothesis tries constants out of those modules of ours that a process has loaded, so examples would depend on how tests
# are spread over processes. Finding the constants takes seconds, too.
providers.is_local_module_file = lambda file: False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Looks for no garbage while thousands of tests are found, nor among them later: that took as long as finding them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


NewInvocation = Callable[..., Invocation]


@pytest.fixture
def new_invocation() -> NewInvocation:
    """An invocation of ``template`` as attempt ``number`` of node ``n``, with any field changed by its name."""
    template = Registry(installed_node_types).get("template")
    plain = Invocation(
        run_id=RunId("r"),
        namespace="default",
        pipeline="p",
        instance=Instance("n"),
        node_id=NodeId("n"),
        node_type=template,
        attempt=1,
        key="r/n/0",
        config={"template": "hi"},
        inputs={},
        now=datetime(2026, 11, 24, 9, tzinfo=UTC),
        timeout=timedelta(seconds=30),
        nonce="none",
        token="the-token",
    )

    def new(**changes: Any) -> Invocation:
        return replace(plain, **changes)

    return new
