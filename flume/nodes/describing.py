"""``python -P -m flume.nodes.describing SECONDS FILE…``: runs node files in a process of its own and tells which types they hold.

For each file there is one line of JSON on standard output, written as soon as the file has run:
``{"types": [{"source", "description"}], "failures": [{"source", "reason"}]}``. What the files print goes to standard error.
After so many seconds the process is dead, whatever the files do. It is started by `flume.nodes.elsewhere`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from flume.errors import FlumeError
from flume.nodes.describe import NodeClassError, describe
from flume.nodes.descriptions import as_json
from flume.nodes.node_files import Ran, run_file
from flume.values import JsonValue

if TYPE_CHECKING:
    from flume.nodes.node import Node


def main(arguments: Sequence[str]) -> None:
    """Describe the files that the command line names, and end the process."""
    seconds, *files = arguments
    # In case whoever started this is dead when a file never comes to an end.
    signal.alarm(int(seconds))
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for file in files:
        os.write(answers, orjson.dumps(_answer(file, run_file(Path(file)))) + b"\n")
    # Threads that a file started, and what it wants to do at the exit, are not waited for.
    os._exit(0)


def _answer(file: str, ran: Ran) -> JsonValue:
    types: list[JsonValue] = []
    failures: list[JsonValue] = [{"source": file, "reason": ran.failure}] if ran.failure else []
    for source, classes in ran.classes.items():
        try:
            types += [{"source": source, "description": _described(each)} for each in classes]
        except FlumeError as refused:
            failures.append({"source": source, "reason": str(refused)})
    return {"types": types, "failures": failures}


def _described(node_class: "type[Node]") -> orjson.Fragment:
    node_type = describe(node_class)
    try:
        return orjson.Fragment(orjson.dumps(as_json(node_type)))
    except orjson.JSONEncodeError as error:
        raise NodeClassError(node_class, f"says something that is not JSON: {error}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
