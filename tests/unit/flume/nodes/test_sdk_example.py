"""The example of the documentation, and what the registry knows of it afterwards."""

from flume.nodes import Node, NodeInput, NodeOutput, Registry
from flume.testing import run_node


class MyCustomNode(Node):
    """A custom node."""

    name = "my-custom-node"
    category = "custom"
    run_on = "engine"

    class Input(NodeInput):
        data: str
        count: int = 1

    class Output(NodeOutput):
        result: list[str]

    async def execute(self, input: Input) -> Output:
        return self.Output(result=[input.data] * input.count)


async def test_the_documented_example_runs_as_written() -> None:
    result = await run_node(MyCustomNode, inputs={"data": "x", "count": 2})

    assert result.output == {"result": ["x", "x"]}
    assert result.port == "out"


async def test_without_a_config_class_inputs_win_over_config() -> None:
    result = await run_node(MyCustomNode, config={"data": "from config", "count": 3}, inputs={"data": "from inputs"})

    assert result.output == {"result": ["from inputs"] * 3}


def test_the_registry_describes_the_example() -> None:
    registry = Registry()
    registry.register(MyCustomNode)

    node_type = registry.get("my-custom-node")

    assert (node_type.category, node_type.run_on, node_type.version) == ("custom", "engine", 1)
    assert node_type.description == "A custom node."
    assert node_type.config_schema is None
    assert node_type.input_schema["required"] == ["data"]
    assert node_type.input_schema["additionalProperties"] is False
    assert node_type.output_schema["properties"]["result"]["items"] == {"type": "string"}


def test_register_is_a_decorator_and_takes_the_same_class_twice() -> None:
    registry = Registry()

    assert registry.register(MyCustomNode) is MyCustomNode
    assert registry.register(MyCustomNode) is MyCustomNode
    assert registry.names() == ("my-custom-node",)
