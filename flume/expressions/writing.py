"""The text that a template is putting together, bounded as it grows."""

from collections.abc import Sequence

from flume.errors import ExpressionError
from flume.expressions.budget import CHARACTERS_PER_STEP, MAX_TEXT, Budget
from flume.expressions.frame import Frame, Program
from flume.expressions.rendering import as_text


class Writer:
    """Takes parts of a text and pays for them; more than `MAX_TEXT` characters are an `ExpressionError`."""

    __slots__ = ("_budget", "_length", "_parts")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._length = 0
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        """Add ``text`` at the end."""
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise ExpressionError(f"the text would have more than {MAX_TEXT:,} characters")
        self._budget.spend(len(text) // CHARACTERS_PER_STEP)
        self._parts.append(text)

    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)


def text_program(parts: Sequence[str | Program]) -> Program:
    """Literal texts and expressions one after the other."""

    def evaluate(frame: Frame) -> str:
        writer = Writer(frame.budget)
        for part in parts:
            writer.write(part if isinstance(part, str) else as_text(part(frame), frame.budget))
        return writer.text()

    return evaluate
