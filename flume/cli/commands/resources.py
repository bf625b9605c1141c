"""Commands about what is on a server: apply, get, describe, delete."""

from typing import Annotated

import typer

from flume.cli.options import Described, Format, Listed, Namespace, Output, Server, as_listed

Files = Annotated[
    list[str] | None,
    typer.Option("-f", "--file", help="A file, a folder, or - for the standard input; may be given several times."),
]


def apply(
    files: Files = None, namespace: Namespace = "default", server: Server = None, output: Output = Format.TEXT
) -> None:
    """Save pipelines on a server: created, configured or unchanged.

    A file may hold several YAML documents. Documents that are not valid are told with line and column; the others are saved.

    Example: flume apply -f examples -f more.yaml
    """
    from flume.cli.applying import apply_files
    from flume.cli.connecting import connect

    if not files:
        raise typer.BadParameter("name at least one file", param_hint="-f")
    with connect(server, namespace) as client:
        raise typer.Exit(0 if apply_files(client, files, output) else 1)


def get(
    kind: Annotated[
        Listed,
        typer.Argument(
            help=f"What to list, also in the singular: {', '.join(Listed)}.",
            parser=as_listed,
            metavar="KIND",
            show_default=False,
        ),
    ],
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    pipeline: Annotated[str | None, typer.Option(help="Runs of this pipeline.")] = None,
    status: Annotated[str | None, typer.Option(help="Runs, pipelines or functions in this state.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Runs started by a trigger of this type or id.")] = None,
    label: Annotated[str | None, typer.Option(help="Pipelines with this label.", metavar="KEY=VALUE")] = None,
    query: Annotated[str | None, typer.Option("-q", help="Pipelines with this text in name or description.")] = None,
    lane: Annotated[str | None, typer.Option(help="Functions of this lane: cpu, gpu or job.")] = None,
    since: Annotated[str | None, typer.Option(help="Runs made since then: a moment, or 2h for two hours ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Runs made before then.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on with a line for each change.")] = False,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """List pipelines, runs, triggers, node types, functions, names of secrets, or the orchestrator itself.

    Example: flume get runs --pipeline hello --status failed --since 1d -o wide
    """
    from flume.cli.connecting import connect
    from flume.cli.listing import list_records, watch_namespace

    with connect(server, namespace) as client:
        list_records(
            client,
            kind,
            output,
            most=limit,
            pipeline=pipeline,
            status=status,
            trigger=trigger,
            label=label,
            q=query,
            lane=lane,
            since=since,
            until=until,
        )
        if watch:
            watch_namespace(client)


def describe(
    kind: Annotated[Described, typer.Argument(help="What to describe.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Its name or id; a trigger is PIPELINE/TRIGGER.", show_default=False)],
    node: Annotated[str | None, typer.Option(help="Of a run: this node, such as fetch or each[3].fetch.")] = None,
    items: Annotated[bool, typer.Option("--items", help="Of a run's loop, given with --node: its items.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="Of a run: its graph with states, as JSON.")] = False,
    payload: Annotated[str | None, typer.Option(help="Of a run: a large value by its id, as it was stored.")] = None,
    item: Annotated[str | None, typer.Option(help="With --payload: the loop item it was made in.")] = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Show one pipeline, run, trigger, node type or function.

    Example: flume describe run 65f0c0ffee0123456789abcd --node fetch
    """
    from flume.cli import describing
    from flume.cli.connecting import connect

    if kind is not Described.RUN and (node or items or graph or payload):
        raise typer.BadParameter("--node, --items, --graph and --payload are of a run", param_hint="describe run")
    if items and not node:
        raise typer.BadParameter("name the loop with --node", param_hint="--items")
    with connect(server, namespace) as client:
        if payload:
            describing.print_payload(client, payload, name, item)
        elif graph:
            describing.describe_graph(client, name, output)
        elif node and items:
            describing.describe_items(client, name, node, output)
        elif node:
            describing.describe_node_of_run(client, name, node, output)
        else:
            describing.describe_record(client, kind, name, output)


def delete(
    kind: Annotated[str | None, typer.Argument(help="pipeline", metavar="[pipeline]", show_default=False)] = None,
    names: Annotated[list[str] | None, typer.Argument(help="Names of pipelines.", metavar="[NAME]...")] = None,
    files: Files = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Delete pipelines, by name or by their files. Their runs stay and go on.

    Example: flume delete pipeline hello
    """
    from flume.cli.applying import delete_pipelines, names_in
    from flume.cli.connecting import connect

    if kind not in (None, "pipeline", "pipelines"):
        raise typer.BadParameter(f"'{kind}' can't be deleted, only a pipeline", param_hint="delete")
    wanted = [*(names or []), *(names_in(files) if files else [])]
    if not wanted:
        raise typer.BadParameter("name a pipeline, or a file with -f", param_hint="delete")
    with connect(server, namespace) as client:
        delete_pipelines(client, wanted, output)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (apply, get, describe, delete):
        app.command()(command)
