"""Tells from the text of a node file whether its types run outside the engine, so that it need not be run to be asked.

What counts is ``run_on`` in a class of the file, or of one that it imports relatively: a base class may say it, and what that
imports comes along. A lane that the text does not show, as in ``run_on = LANE``, is taken to be elsewhere.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

_ENGINE = ("'engine'", "Lane.ENGINE")


def lane_elsewhere(file: Path) -> str:
    """Where a lane outside the engine is chosen, such as ``nodes/resize.py, line 7: run_on = 'gpu'``; empty: nowhere."""
    waiting, seen = [file], {file}
    while waiting:
        path = waiting.pop()
        tree = _parse(path)
        for line, lane in _lanes(tree):
            if lane not in _ENGINE:
                return f"{path}, line {line}: run_on = {lane}"
        found = [each for each in _siblings(tree, path.parent) if each not in seen]
        seen.update(found)
        waiting += found
    return ""


def _parse(path: Path) -> ast.AST:
    """The syntax tree of a file; an empty one for what can't be read, about which whoever runs it says more."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def _lanes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the value of each ``run_on`` that a class sets."""
    for node in ast.walk(tree):
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            match statement:
                case ast.Assign(targets=[ast.Name("run_on")], value=value):
                    yield statement.lineno, ast.unparse(value)
                case ast.AnnAssign(target=ast.Name("run_on"), value=ast.expr() as value):
                    yield statement.lineno, ast.unparse(value)
                case _:
                    pass


def _siblings(tree: ast.AST, folder: Path) -> Iterator[Path]:
    """The files that are imported with a leading dot; what is imported from a module may be a module too."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        module = folder.joinpath(*[".."] * (node.level - 1), *(node.module or "").split(".")).resolve()
        for target in (module, *(module / alias.name for alias in node.names)):
            yield from (path for path in (target.with_suffix(".py"), target / "__init__.py") if path.is_file())
