"""``flume apply``: documents of files, folders and the standard input become pipelines on a server."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client, ServerError
from flume.cli.documents import find_documents
from flume.cli.printing import print_text, say
from flume.cli.problem_lines import line_of
from flume.document import parse_pipeline
from flume.errors import DefinitionError, RequestError
from flume.source import Source, read_source, read_sources


def apply_files(client: Client, paths: Sequence[str]) -> bool:
    """Save every document; False if one could not be. The others are saved all the same."""
    is_fine = True
    for file in _files(paths):
        for source in _documents(file):
            is_fine = (_apply(client, file, source) if source is not None else False) and is_fine
    return is_fine


def names_in(paths: Sequence[str]) -> list[str]:
    """The names of the pipelines in files. Raises `DefinitionError` for a document without one."""
    return [_name_of(source) for file in _files(paths) for source in _documents(file) if source is not None]


def _apply(client: Client, file: str, source: Source) -> bool:
    try:
        name = _name_of(source)
        outcome = _save(client, name, source)
    except DefinitionError as error:
        for problem in error.problems:
            # The server saw this document alone, the reader has the whole file before them.
            say(line_of(source.locate(problem), file))
        return False
    except ServerError as error:
        say(f"{file}: {error}" + (f"; {error.hint}" if error.hint else ""))
        return False
    print_text(f"pipeline {name} {outcome}")
    return True


def _save(client: Client, name: str, source: Source) -> str:
    path = f"/api/v1/pipelines/{quote(name, safe='')}"
    before = _present(client, path)
    headers = {"Content-Type": "application/json" if source.format == "json" else "application/yaml"}
    response = client.send("PUT", path, content=source.text, headers=headers)
    if before is None:
        return "created"
    return (
        "unchanged" if before == response.headers.get("ETag") else f"configured, version {response.json()['version']}"
    )


def _present(client: Client, path: str) -> str | None:
    try:
        return str(client.send("GET", path).headers.get("ETag", ""))
    except ServerError as error:
        if error.status == 404:
            return None
        raise


def _name_of(source: Source) -> str:
    parsed = parse_pipeline(source)
    if parsed.readable is None:
        raise DefinitionError(parsed.problems)
    return parsed.readable.name


def _files(paths: Sequence[str]) -> list[str]:
    found: dict[str, Any] = {}
    for path in paths:
        files = [path] if path == "-" else [str(file) for file in find_documents([Path(path)])]
        if not files:
            raise RequestError(f"there are no pipelines in '{path}'")
        found.update(dict.fromkeys(files))
    return list(found)


def _documents(file: str) -> Iterator[Source | None]:
    """The documents of a file; None, with the problems on stderr, if it can't be read."""
    try:
        text = sys.stdin.read().encode() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise RequestError(f"'{file}' can't be read: {error.strerror}") from error
    try:
        yield read_source(text, name=file, tolerant=True)
        return
    except DefinitionError as error:
        if error.problems[0].code != "several-documents":
            for problem in error.problems:
                say(line_of(problem, file))
            yield None
            return
    try:
        yield from read_sources(text, name=file)
    except DefinitionError as error:
        for problem in error.problems:
            say(line_of(problem, file))
        yield None
