"""A node type that any Flume has once this package is installed."""

import math

from flume.nodes import Node, NodeConfig, NodeInput, NodeOutput, registry


# An installed plugin is found by its entry point. Registering besides lets `flume dev` and `--nodes` use this very file.
@registry.register
class ReadingTime(Node):
    """Tells how long a text takes to read."""

    name = "reading-time"
    category = "text"
    icon = "clock"
    pure = True

    class Config(NodeConfig):
        words_per_minute: int = 220

    class Input(NodeInput):
        text: str

    class Output(NodeOutput):
        words: int
        minutes: int

    async def execute(self, input: Input) -> Output:
        words = len(input.text.split())
        return self.Output(words=words, minutes=math.ceil(words / self.config.words_per_minute))
