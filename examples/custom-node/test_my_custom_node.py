"""How a node is tested: `flume.testing` checks what goes in and out as a run would. Run it with ``pytest``."""

import asyncio
from pathlib import Path

import pytest

from flume.errors import NodeError
from flume.nodes.discovery import load_path
from flume.nodes.registry import Registry
from flume.testing import run_node

NODES = Registry()
load_path(NODES, Path(__file__).parent / "nodes")
MyCustomNode = NODES.get("my-custom-node").implementation


def test_the_data_is_repeated():
    result = asyncio.run(run_node(MyCustomNode, inputs={"data": "la", "count": 2}))
    assert result.output == {"result": ["la", "la"]}


def test_a_count_that_is_no_number_is_refused():
    with pytest.raises(NodeError, match="/inputs/count"):
        asyncio.run(run_node(MyCustomNode, inputs={"data": "la", "count": "many"}))
