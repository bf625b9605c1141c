import pytest

from flume.errors import NodeError
from flume.nodes import Node, NodeInput
from flume.testing import outcome_of, run_node
from functions.nodes.utility import Delay


class Crash(Node):
    name = "crash"

    def execute(self, input: NodeInput) -> None:
        raise ValueError("broken")


async def test_an_exception_of_a_node_comes_out_as_the_run_would_record_it() -> None:
    with pytest.raises(NodeError, match="ValueError: broken") as failed:
        await run_node(Crash)

    assert (failed.value.code, failed.value.retryable) == ("exception", True)


async def test_a_node_that_sleeps_is_run_by_outcome_of() -> None:
    with pytest.raises(TypeError, match="call outcome_of"):
        await run_node(Delay, {"duration": "1s"})

    assert (await outcome_of(Delay, {"duration": "1s"})).output is None  # type: ignore[union-attr]
