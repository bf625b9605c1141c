"""What can be wrong with the text of a template, found when it is parsed and before any data is seen.

What goes wrong on data is `flume.errors.ExpressionError`.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from flume.errors import FlumeError

LONGEST_NAME = 60
"""Characters of a name that are shown and compared; a longer one is cut."""


class TemplateSyntaxError(FlumeError):
    """The text is not a template that Flume evaluates.

    ``code`` is ``template-syntax``, ``unknown-filter``, ``unknown-function``, ``unknown-test`` or ``forbidden``;
    ``hint`` says how to mend it and may be empty."""

    def __init__(self, message: str, hint: str = "", code: str = "template-syntax") -> None:
        self.code = code
        self.hint = hint
        self.message = message
        super().__init__(message)


def shorten(name: str) -> str:
    """``name`` as a message shows it: at most `LONGEST_NAME` characters."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that ``name`` was most likely meant to be; empty when none is near."""
    found = get_close_matches(name[:LONGEST_NAME], list(known), n=1)
    return found[0] if found else ""
