"""Node types whose work can be watched, and mended while a test runs."""

import asyncio
from pathlib import Path

from flume.nodes import Node, NodeError, NodeInput, NodeOutput, registry

MENDED = Path(__file__).parent.parent / "mended"
"""While this file is there, nothing breaks."""


class Typing(Node):
    """Writes a text letter by letter."""

    name = "typing"
    category = "AI"
    run_on = "engine"

    class Input(NodeInput):
        text: str
        pause: float = 0.02

    class Output(NodeOutput):
        text: str

    async def execute(self, input: Input) -> Output:
        for letter in input.text:
            self.context.progress(letter)
            await asyncio.sleep(input.pause)
        return self.Output(text=input.text)


class Breaking(Node):
    """Fails as long as nobody mends it."""

    name = "breaking"
    category = "database"
    run_on = "engine"

    class Input(NodeInput):
        breaks: bool = False

    class Output(NodeOutput):
        stored: bool

    async def execute(self, input: Input) -> Output:
        if input.breaks and not MENDED.exists():
            raise NodeError("the archive has no space left", code="disk-full")
        return self.Output(stored=True)


registry.register(Typing)
registry.register(Breaking)
