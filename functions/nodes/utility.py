"""Node types that wait, write to the log, and fail."""

import json
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import AwareDatetime, model_validator

from flume.errors import NodeError
from flume.nodes import Node, NodeConfig, NodeInput, Sleep
from flume.nodes.context import LogLevel
from flume.nodes.fields import Duration
from flume.nodes.invocation import as_json


class Delay(Node):
    """Waits for a duration, or until a moment. The wait is kept in the store and survives restarts."""

    name = "delay"
    category = "Utility"
    icon = "clock"
    lanes = ("engine",)  # a function's answer can't say "later", and a function that only waits is a waste of one
    Output: ClassVar[Any] = None

    class Config(NodeConfig):
        """One of the two."""

        duration: Duration | None = None
        until: AwareDatetime | None = None

        @model_validator(mode="after")
        def _has_one(self) -> "Delay.Config":
            if (self.duration is None) == (self.until is None):
                raise ValueError("give either 'duration' or 'until'")
            return self

    async def execute(self, input: NodeInput) -> Sleep:
        """Sleep from the recorded moment, so that a repeated attempt wakes at the same time."""
        return Sleep(self.config.until or self.context.now + (self.config.duration or timedelta(0)))


class Log(Node):
    """Writes a line to the run's log and passes the message on."""

    name = "log"
    category = "Utility"
    icon = "file-text"
    pure = True

    class Config(NodeConfig):
        """How important the line is."""

        level: LogLevel = "info"

    class Input(NodeInput):
        """What the line says."""

        message: Any
        data: Any = None

    async def execute(self, input: Input) -> Any:
        """Write the line; ``data`` becomes a field of it."""
        message = as_json(input.message)
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        fields = {"data": as_json(input.data)} if "data" in input.model_fields_set else {}
        self.context.log(text, level=self.config.level, **fields)
        return message


class Error(Node):
    """Fails, with a message of one's own."""

    name = "error"
    category = "Utility"
    icon = "circle-x"

    class Config(NodeConfig):
        """Why it fails, and whether another attempt may help."""

        message: str
        retryable: bool = False

    async def execute(self, input: NodeInput) -> None:
        """Raise the failure."""
        raise NodeError(self.config.message, code="raised", retryable=self.config.retryable)
