"""The ``flume`` command: reads arguments, calls what does the work, and turns errors into sentences and exit codes.

Exit codes: 0 all is well, 1 the run failed or the document is invalid, 2 wrong usage, 130 interrupted. Modules that
cost time to import are imported by the commands that need them.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flume.errors import DefinitionError, FlumeError, RequestError
from flume.problems import Problem

app = typer.Typer(
    name="flume",
    help="Pipelines of nodes and edges, run durably.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Nodes = Annotated[
    list[Path] | None, typer.Option("--nodes", help="A file or folder with custom nodes; may be given several times.")
]


@app.command(epilog="Example: flume run examples/hello.yaml -d name=Ada")
def run(
    file: Annotated[Path, typer.Argument(help="The pipeline, as YAML or JSON.", exists=True, dir_okay=False)],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "-d", help="A value of the run's data, as key=value; read as JSON where it is JSON, else as text."
        ),
    ] = None,
    data_json: Annotated[str | None, typer.Option("--data", help="All data as JSON, or @FILE.")] = None,
    pin: Annotated[list[str] | None, typer.Option("--pin", help="A node's output, as node=JSON or node=@FILE.")] = None,
    until: Annotated[str | None, typer.Option(help="The last node to run.")] = None,
    nodes: Nodes = None,
    output: Annotated[
        str, typer.Option("-o", help="text: the run's output alone; json: the run and its nodes.")
    ] = "text",
) -> None:
    """Run a pipeline right here, and print its output."""
    from flume.cli.arguments import read_data, read_pins
    from flume.cli.running import run_file

    code = run_file(
        file,
        data=read_data(data or [], data_json),
        pins=read_pins(pin or []),
        until=until,
        node_paths=nodes or [],
        whole_run=_is_json(output),
    )
    raise typer.Exit(code)


@app.command(epilog="Example: flume validate examples/*.yaml")
def validate(
    files: Annotated[list[Path], typer.Argument(help="Pipelines, as YAML or JSON.", exists=True, dir_okay=False)],
    nodes: Nodes = None,
    output: Annotated[str, typer.Option("-o", help="text or json.")] = "text",
) -> None:
    """Tell all problems of pipeline documents, with line and column."""
    from flume.cli.validating import validate_files

    is_valid = validate_files(files, node_paths=nodes or [], as_json=_is_json(output))
    raise typer.Exit(0 if is_valid else 1)


@app.command(epilog="Example: flume schema > pipeline.schema.json")
def schema() -> None:
    """Print the JSON Schema of the pipeline document, for editors."""
    import json

    from flume.schema import pipeline_schema

    typer.echo(json.dumps(pipeline_schema(), indent=2, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version of Flume."""
    from importlib.metadata import version as version_of

    typer.echo(version_of("flume"))


def main() -> None:
    """The entry point of the ``flume`` script."""
    try:
        app()
    except DefinitionError as error:
        for problem in error.problems:
            typer.echo(line_of(problem), err=True)
        sys.exit(1)
    except RequestError as error:
        _complain(error, error.hint)
        sys.exit(2)
    except FlumeError as error:
        _complain(error, "")
        sys.exit(1)


def line_of(problem: Problem, file: str = "") -> str:
    """A problem as one line: ``file:line:column: code: message (hint)``."""
    place = ":".join(str(part) for part in (file, problem.line, problem.column) if part)
    where = place or problem.pointer or "document"
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{where}: {problem.code}: {problem.message}{hint}"


def _complain(error: FlumeError, hint: str) -> None:
    typer.echo(f"flume: {error}" + (f"; {hint}" if hint else ""), err=True)


def _is_json(output: str) -> bool:
    if output not in ("text", "json"):
        raise typer.BadParameter(f"'{output}' is no format; use text or json", param_hint="-o")
    return output == "json"
