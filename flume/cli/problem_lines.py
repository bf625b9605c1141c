"""How a problem of a document is told on a line."""

from flume.problems import Problem


def line_of(problem: Problem, file: str = "") -> str:
    """A problem as one line: ``file:line:column: code message — hint``."""
    place = ":".join(str(part) for part in (file, problem.line, problem.column) if part)
    where = place if problem.line else ": ".join(part for part in (file, problem.pointer) if part)
    hint = f" — {problem.hint}" if problem.hint else ""
    return f"{where or 'document'}: {problem.code} {problem.message}{hint}"
