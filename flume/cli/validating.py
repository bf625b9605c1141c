"""``flume validate``: all problems of all files."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from flume.cli.local import make_registry
from flume.cli.main import line_of
from flume.validation import validate


def validate_files(files: Sequence[Path], *, node_paths: Sequence[Path], as_json: bool) -> bool:
    """Print the problems of each file; whether there were none."""
    registry = make_registry(node_paths)
    for failure in registry.failures:
        typer.echo(f"{failure.source}: {failure.reason}", err=True)
    found = [(file, validate(file.read_bytes(), registry, name=str(file)).problems) for file in files]
    is_valid = not any(problems for _, problems in found)
    if as_json:
        problems = [{"file": str(file), **problem.as_json()} for file, each in found for problem in each]
        typer.echo(json.dumps({"valid": is_valid, "problems": problems}, ensure_ascii=False, indent=2))
        return is_valid
    for file, each in found:
        if not each:
            typer.echo(f"{file}: valid", err=True)
        for problem in each:
            typer.echo(line_of(problem, str(file)))
    return is_valid
