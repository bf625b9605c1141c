"""``flume validate``: all problems of all files."""

import sys
from collections.abc import Sequence
from pathlib import Path

from flume.cli.documents import find_documents
from flume.cli.node_types import known_types
from flume.cli.options import Format
from flume.cli.printing import print_text, print_value, say
from flume.cli.problem_lines import line_of
from flume.errors import RequestError
from flume.problems import Problem
from flume.validation import validate


def validate_files(paths: Sequence[Path], *, node_paths: Sequence[Path], format: Format) -> bool:
    """Print the problems of each file, and of each pipeline in each folder; whether there were none.

    Raises `RequestError` for a file that can't be read.
    """
    registry = known_types(node_paths)
    files = find_documents(paths)
    found = [(file, validate(content_of(file), registry, name=str(file)).problems) for file in files]
    return tell_problems(found, format)


def tell_problems(found: Sequence[tuple[Path, Sequence[Problem]]], format: Format) -> bool:
    """Print the problems by file; whether there were none."""
    is_valid = not any(problems for _, problems in found)
    if format in (Format.JSON, Format.YAML):
        problems = [{"file": str(file), **problem.as_json()} for file, each in found for problem in each]
        print_value({"valid": is_valid, "problems": problems}, format)
        return is_valid
    for file, each in found:
        _print_problems(file, each)
    if not found:
        say("no pipelines found: a pipeline is a .yaml, .yml or .json file with 'kind: Pipeline'")
    return is_valid


def _print_problems(file: Path, problems: Sequence[Problem]) -> None:
    if not problems:
        say(f"{file}: valid")
    for problem in problems:
        print_text(line_of(problem, str(file)))


def content_of(file: Path) -> bytes:
    """The bytes of a file, or of the standard input for ``-``. Raises `RequestError`."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise RequestError(f"'{file}' can't be read: {error.strerror}") from error
