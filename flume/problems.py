"""What is wrong with a pipeline document, told so that a person can mend it.

A problem's code is stable: programs and the console's quick fixes rely on it, messages and hints may be reworded.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document.

    ``pointer`` is a JSON pointer into the document (``/nodes/2/config/url``; empty for the whole). ``line`` and
    ``column`` count from 1 and are None where no source text is known.
    """

    code: str
    pointer: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The problem as spec 1.2 shows it: ``{pointer, line, column, code, message, hint}``."""
        return {
            "pointer": self.pointer,
            "line": self.line,
            "column": self.column,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


def join_pointer(base: str, *parts: str | int) -> str:
    """A JSON pointer (RFC 6901) to ``parts`` below ``base``."""
    return base + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def sorted_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Problems in the order in which a reader of the text meets them."""
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0, problem.pointer, problem.code))
