"""``flume apply``: documents of files, folders and the standard input become pipelines on a server."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client, ServerError
from flume.cli.documents import find_documents
from flume.cli.options import Format
from flume.cli.printing import print_text, print_value, say
from flume.cli.problem_lines import line_of
from flume.document import parse_pipeline
from flume.errors import DefinitionError, RequestError
from flume.source import Source, read_source, read_sources
from flume.values import JsonObject


def apply_files(client: Client, paths: Sequence[str], format: Format) -> bool:
    """Save every document; False if one could not be. The others are saved all the same.

    For a program, what was saved is a list of ``{file, name, outcome, version}``; problems are on stderr in any case.
    """
    saved: list[JsonObject] = []
    is_fine = True
    for file in _files(paths):
        for source in _documents(file):
            done = None if source is None else _apply(client, file, source)
            if done is None:
                is_fine = False
                continue
            saved.append(done)
            if format in (Format.TEXT, Format.WIDE):
                print_text(_sentence(done))
    if format in (Format.JSON, Format.YAML):
        print_value(saved, format)
    return is_fine


def delete_pipelines(client: Client, names: Sequence[str], format: Format) -> None:
    """Delete pipelines, one after another; the first that can't be deleted ends it. Raises `ServerError`."""
    for name in names:
        client.send("DELETE", f"/api/v1/pipelines/{quote(name, safe='')}")
        if format in (Format.TEXT, Format.WIDE):
            print_text(f"pipeline {name} deleted")
    if format in (Format.JSON, Format.YAML):
        print_value([{"name": name, "outcome": "deleted"} for name in names], format)


def names_in(paths: Sequence[str]) -> list[str]:
    """The names of the pipelines in files. Raises `DefinitionError` for a document without one."""
    return [_name_of(source) for file in _files(paths) for source in _documents(file) if source is not None]


def _apply(client: Client, file: str, source: Source) -> JsonObject | None:
    """Save a document, and say what came of it; None, with the reason on stderr, if it could not be saved."""
    try:
        return {"file": file, **_save(client, _name_of(source), source)}
    except DefinitionError as error:
        for problem in error.problems:
            # The server saw this document alone, the reader has the whole file before them.
            say(line_of(source.locate(problem), file))
    except ServerError as error:
        say(f"{file}: {error}" + (f"; {error.hint}" if error.hint else ""))
    return None


def _sentence(done: JsonObject) -> str:
    version = f", version {done['version']}" if done["outcome"] == "configured" else ""
    return f"pipeline {done['name']} {done['outcome']}{version}"


def _save(client: Client, name: str, source: Source) -> JsonObject:
    path = f"/api/v1/pipelines/{quote(name, safe='')}"
    before = _present(client, path)
    headers = {"Content-Type": "application/json" if source.format == "json" else "application/yaml"}
    response = client.send("PUT", path, content=source.text, headers=headers)
    is_same = before == response.headers.get("ETag")
    outcome = "created" if before is None else "unchanged" if is_same else "configured"
    return {"name": name, "outcome": outcome, "version": response.json()["version"]}


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
