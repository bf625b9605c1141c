"""Documents that are not saved, checked and run on a server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from flume.cli.arguments import read_text
from flume.cli.client import to_problem
from flume.cli.connecting import connect
from flume.cli.documents import find_documents
from flume.cli.following import Waiting, start
from flume.cli.options import Format
from flume.cli.printing import say
from flume.cli.problem_lines import line_of
from flume.cli.validating import content_of, tell_problems
from flume.errors import DefinitionError
from flume.ids import NodeId
from flume.values import JsonValue


def run_there(
    server: str,
    namespace: str,
    file: str,
    data: JsonValue,
    pins: Mapping[NodeId, JsonValue],
    until: str | None,
    format: Format,
) -> int:
    """Run a document on a server, showing its steps; the exit code."""
    body = {"definition": read_text(file, "FILE"), "data": data, "pins": dict(pins), "until": until}
    with connect(server, namespace) as client:
        try:
            return start(client, "/api/v1/runs", body, Waiting(follow=True, format=format))
        except DefinitionError as error:
            for problem in error.problems:
                say(line_of(problem, file))
            return 1


def validate_there(server: str, paths: Sequence[Path], *, format: Format) -> bool:
    """Print the problems that a server finds in documents; whether there were none."""
    with connect(server) as client:
        found = []
        for file in find_documents(paths):
            kind = "application/json" if file.suffix == ".json" else "application/yaml"
            text = content_of(file).decode("utf-8", "replace")
            answer = client.send("POST", "/api/v1/pipelines:validate", content=text, headers={"Content-Type": kind})
            found.append((file, [to_problem(each) for each in answer.json()["problems"]]))
    return tell_problems(found, format)
