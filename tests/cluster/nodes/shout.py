"""A custom node for the tests on a cluster; `flume nodes build tests/cluster/nodes --tag …` makes its image."""

from flume.nodes import Node, NodeInput, registry


@registry.register
class Shout(Node):
    """Says it louder."""

    name = "shout"
    run_on = "cpu"

    class Input(NodeInput):
        text: str

    Output = str

    def execute(self, input: Input) -> str:
        return input.text.upper()
