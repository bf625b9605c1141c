import asyncio
from typing import Any

import pytest

from flume.nodes import Node, NodeInput, NodeSettings
from flume.nodes.describe import describe
from flume.nodes.shared import SharedSetups
from flume.nodes.types import NodeType


def node_type(name: str, journal: list[str], failures: int = 0) -> NodeType:
    left = failures

    class Made(Node):
        @classmethod
        async def setup(cls, settings: NodeSettings) -> object:
            nonlocal left
            journal.append(f"setup {cls.name} {','.join(settings.http_deny)}")
            await asyncio.sleep(0)
            if left:
                left -= 1
                raise RuntimeError("not yet")
            return f"shared by {cls.name}"

        @classmethod
        async def teardown(cls, shared: Any) -> None:
            journal.append(f"teardown {shared}")

        def execute(self, input: NodeInput) -> None: ...

    Made.name = name
    return describe(Made)


async def test_a_setup_happens_once_however_many_ask() -> None:
    journal: list[str] = []
    setups, one = SharedSetups(NodeSettings(http_deny=("10.0.0.0/8",))), node_type("one", journal)

    assert await asyncio.gather(*(setups.of(one) for _ in range(5))) == ["shared by one"] * 5
    assert journal == ["setup one 10.0.0.0/8"]
    await setups.aclose()


async def test_teardown_runs_from_the_last_to_the_first() -> None:
    journal: list[str] = []
    setups = SharedSetups(NodeSettings())
    for name in ("one", "two"):
        await setups.of(node_type(name, journal))

    await setups.aclose()

    assert journal[2:] == ["teardown shared by two", "teardown shared by one"]


async def test_a_failed_setup_is_tried_again() -> None:
    journal: list[str] = []
    setups, flaky = SharedSetups(NodeSettings()), node_type("flaky", journal, failures=1)

    with pytest.raises(RuntimeError, match="not yet"):
        await setups.of(flaky)

    assert await setups.of(flaky) == "shared by flaky"
    await setups.aclose()
    assert journal[-1] == "teardown shared by flaky"
