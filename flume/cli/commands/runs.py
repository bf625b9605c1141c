"""Commands that start runs on a server and deal with them."""

from typing import Annotated
from urllib.parse import quote

import typer

from flume.cli.options import (
    DataPairs,
    Follow,
    Format,
    Namespace,
    Output,
    PipelineName,
    RunId,
    RunIds,
    Server,
    Wait,
    WholeData,
)

Key = Annotated[
    str | None, typer.Option(help="An Idempotency-Key: the same key with the same data gives the same run.")
]

KeyOfRetry = Annotated[
    str | None, typer.Option("--key", help="An Idempotency-Key: the same key with the same run gives the same new run.")
]

OfPipeline = Annotated[str | None, typer.Option("--pipeline", help="All such runs of this pipeline.")]


def invoke(
    name: PipelineName,
    data: DataPairs = None,
    data_json: WholeData = None,
    wait: Wait = False,
    follow: Follow = False,
    key: Key = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Start a run of a pipeline, and print its id or, with --wait or --follow, its output.

    Example: flume invoke hello -d name=Ada --follow
    """
    from flume.cli.arguments import read_data
    from flume.cli.connecting import connect
    from flume.cli.following import Waiting, start

    body = read_data(data, data_json)
    with connect(server, namespace) as client:
        path = f"/api/v1/pipelines/{quote(name, safe='')}/invoke"
        raise typer.Exit(start(client, path, body, Waiting(wait, follow, output), key=key))


def fire(
    name: Annotated[
        str,
        typer.Argument(help="A pipeline's name, or PIPELINE/TRIGGER.", metavar="PIPELINE", show_default=False),
    ],
    trigger: Annotated[
        str | None, typer.Argument(help="The trigger's id.", metavar="[TRIGGER]", show_default=False)
    ] = None,
    data: DataPairs = None,
    data_json: WholeData = None,
    wait: Wait = False,
    follow: Follow = False,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Start a run as a trigger would, whether it is due or not.

    Example: flume fire reports nightly --follow
    """
    from flume.cli.arguments import read_data
    from flume.cli.connecting import connect
    from flume.cli.following import Waiting, start

    pipeline, _, id_in_name = name.partition("/")
    if bool(id_in_name) == bool(trigger):
        raise typer.BadParameter("name one trigger: PIPELINE TRIGGER, or PIPELINE/TRIGGER", param_hint="fire")
    body = read_data(data, data_json)
    with connect(server, namespace) as client:
        path = f"/api/v1/triggers/{quote(pipeline, safe='')}/{quote(trigger or id_in_name, safe='')}/fire"
        raise typer.Exit(start(client, path, body, Waiting(wait, follow, output)))


def logs(
    run: Annotated[str | None, typer.Argument(help="A run's id.", metavar="[RUN]", show_default=False)] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with new lines until the run has ended.")
    ] = False,
    node: Annotated[str | None, typer.Option(help="Lines of this node, such as fetch or each[3].fetch.")] = None,
    level: Annotated[str | None, typer.Option(help="Lines of this level or a graver one.")] = None,
    query: Annotated[str | None, typer.Option("-q", help="Over all runs: lines with this text.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Over all runs: lines of this pipeline.")] = None,
    since: Annotated[str | None, typer.Option(help="Over all runs: since a moment, or 2h for two hours ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Over all runs: before this moment.")] = None,
    limit: Annotated[int, typer.Option(help="How many lines at most.", min=1)] = 1000,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Print the log of a run or, without a run, search over all of them, the newest first.

    Example: flume logs 65f0c0ffee0123456789abcd -f --level warning
    """
    from flume.cli.connecting import connect
    from flume.cli.log_lines import Lines, print_logs

    wanted = Lines(run, node, level, query, pipeline, since, until, limit)
    with connect(server, namespace) as client:
        print_logs(client, wanted, output, follow=follow)


def cancel(
    runs: RunIds = None,
    pipeline: OfPipeline = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Cancel runs: those named, or all of a pipeline that are under way.

    Example: flume cancel --pipeline hello
    """
    from flume.cli.acting import OnMany, cancel_one, on_many
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        if runs and len(runs) == 1 and pipeline is None:
            cancel_one(client, runs[0], reason or "", output)
            return
        raise typer.Exit(0 if on_many(client, OnMany("cancel", runs or (), pipeline), output) else 1)


def retry(
    runs: RunIds = None,
    pipeline: OfPipeline = None,
    follow: Follow = False,
    key: KeyOfRetry = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Go on where runs failed, each as a new run: those named, or all of a pipeline that failed or were cancelled.

    Of a pipeline's runs those are left out that were retried or run again before.

    Example: flume retry 65f0c0ffee0123456789abcd --follow
    """
    from flume.cli.acting import OnMany, on_many
    from flume.cli.client import new_key
    from flume.cli.connecting import connect
    from flume.cli.following import Waiting, start

    key = key or new_key()
    with connect(server, namespace) as client:
        if runs and len(runs) == 1 and pipeline is None:
            path = f"/api/v1/runs/{quote(runs[0], safe='')}/retry"
            raise typer.Exit(start(client, path, None, Waiting(follow=follow, format=output), key=key))
        if follow:
            raise typer.BadParameter("one run can be followed, not several", param_hint="--follow")
        raise typer.Exit(0 if on_many(client, OnMany("retry", runs or (), pipeline, key), output) else 1)


def rerun(
    run: RunId,
    from_node: Annotated[
        str | None,
        typer.Option("--from", help="It and all that follows it run again; default: everything.", metavar="NODE"),
    ] = None,
    data: DataPairs = None,
    data_json: WholeData = None,
    latest: Annotated[bool, typer.Option("--latest", help="In the pipeline's present version.")] = False,
    follow: Follow = False,
    key: KeyOfRetry = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Run a run again as a new one, or with --from a part of it: then what lies before is taken over.

    It is started by the same data. Data given here replaces the run's inputs.

    Example: flume rerun 65f0c0ffee0123456789abcd --from card --follow
    """
    from flume.cli.arguments import read_data
    from flume.cli.client import new_key
    from flume.cli.connecting import connect
    from flume.cli.following import Waiting, start

    body = {"from": from_node, "inputs": read_data(data, data_json), "version": "latest" if latest else "same"}
    with connect(server, namespace) as client:
        path = f"/api/v1/runs/{quote(run, safe='')}/rerun"
        raise typer.Exit(start(client, path, body, Waiting(follow=follow, format=output), key=key or new_key()))


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (invoke, fire, logs, cancel, retry, rerun):
        app.command()(command)
