"""The bounds of one evaluation: how much it may do, and how large the values are that it may make.

Everything that makes a value asks here *before* it makes it. Work and memory are counted in one currency, steps: a node of the
expression is one step, and so are 512 characters of text or 16 elements that are made or looked through. So an evaluation that
spends all it has made at most 51 million characters or 1.6 million elements, one after the other or at the same time.
"""

from flume.errors import ExpressionError

MAX_STEPS = 100_000
MAX_TEXT = 16 * 1024 * 1024
"""Characters of one text."""
MAX_ELEMENTS = 100_000
"""Elements of one list or object that an expression makes; data that is only passed on may be longer."""

CHARACTERS_PER_STEP = 512
ELEMENTS_PER_STEP = 16


class Budget:
    """What is left for an evaluation. One budget serves one evaluation, or several that shall share their bounds."""

    __slots__ = ("steps_left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps_left = steps

    def spend(self, steps: int = 1) -> None:
        """Take ``steps`` away; raise `ExpressionError` when there are not that many."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise ExpressionError(
                "the expression takes too many steps; loop over less, or do this in a node of its own"
            )

    def allow_text(self, characters: int) -> None:
        """Pay for a text of that length, about to be made; raise `ExpressionError` when it is above `MAX_TEXT`."""
        if characters > MAX_TEXT:
            raise ExpressionError(f"the text would have {characters:,} characters; at most {MAX_TEXT:,} are allowed")
        self.spend(characters // CHARACTERS_PER_STEP)

    def allow_elements(self, elements: int) -> None:
        """Pay for a list or object of that many elements, about to be made; raise above `MAX_ELEMENTS`."""
        if elements > MAX_ELEMENTS:
            raise ExpressionError(f"the list would have {elements:,} elements; at most {MAX_ELEMENTS:,} are allowed")
        self.visit_elements(elements)

    def visit_elements(self, elements: int) -> None:
        """Pay for looking through that many elements without making a list of them."""
        self.spend(elements // ELEMENTS_PER_STEP)
