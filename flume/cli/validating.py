"""``flume validate``: all problems of all files.

Only where a pipeline runs is it known which secrets there are: one that is not set here is noted, and no problem.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flume.cli.documents import find_documents
from flume.cli.node_types import known_types
from flume.cli.options import Format
from flume.cli.printing import print_text, print_value, say
from flume.cli.problem_lines import line_of
from flume.cli.settings import read_secrets, read_settings
from flume.errors import RequestError
from flume.planning import Circumstances
from flume.problems import Problem
from flume.references import MISSING_SECRET
from flume.validation import validate


def validate_files(paths: Sequence[Path], *, node_paths: Sequence[Path], format: Format) -> bool:
    """Print the problems of each file, and of each pipeline in each folder; whether there were none.

    Raises `RequestError` for a file that can't be read, `SettingError` for secrets that are set and can't be used.
    """
    registry = known_types(node_paths)
    files = find_documents(paths)
    here = Circumstances(secrets=frozenset(read_secrets(read_settings())))
    checked = [(file, validate(content_of(file), registry, name=str(file), circumstances=here)) for file in files]
    is_valid = tell_problems(
        [(file, [each for each in found.problems if each.code != MISSING_SECRET]) for file, found in checked], format
    )
    for file, found in checked:
        for problem in found.problems:
            if problem.code == MISSING_SECRET:
                say(_note_of(problem, str(file)))
    return is_valid


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


def _note_of(problem: Problem, file: str) -> str:
    hint = "it has to be set where the pipeline runs; flume validate --server URL asks there"
    return line_of(replace(problem, code="note:", message=f"{problem.message} here", hint=hint), file)


def content_of(file: Path) -> bytes:
    """The bytes of a file, or of the standard input for ``-``. Raises `RequestError`."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise RequestError(f"'{file}' can't be read: {error.strerror}") from error
