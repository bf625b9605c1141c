from flume.nodes import Node, NodeInput, NodeOutput, registry


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


registry.register(MyCustomNode)
