"""Commands about saved pipelines, and about the server itself."""

from typing import Annotated

import typer

from flume.cli.options import Format, Namespace, Output, PipelineName, Server

Trigger = Annotated[str | None, typer.Option(help="Only this trigger of it.", metavar="ID")]


def pause(
    name: PipelineName,
    trigger: Trigger = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Let the triggers of a pipeline do nothing; runs by hand still work. With --trigger, switch one off.

    Example: flume pause reports --trigger nightly
    """
    from flume.cli.acting import set_state
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        set_state(client, name, "pause", trigger, output)


def resume(
    name: PipelineName,
    trigger: Trigger = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Let the triggers of a pipeline work again. With --trigger, switch one on.

    Example: flume resume reports
    """
    from flume.cli.acting import set_state
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        set_state(client, name, "resume", trigger, output)


def activate(
    name: PipelineName, namespace: Namespace = "default", server: Server = None, output: Output = Format.TEXT
) -> None:
    """Make a draft active. It must be valid.

    Example: flume activate reports
    """
    from flume.cli.acting import set_state
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        set_state(client, name, "activate", None, output)


def versions(
    name: PipelineName,
    which: Annotated[
        str | None,
        typer.Argument(help="A version, or two as 2..3.", metavar="[VERSION|A..B]", show_default=False),
    ] = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """List the versions of a pipeline, print the text of one, or show what changed between two.

    Example: flume versions hello 1..2
    """
    from flume.cli.acting import print_versions
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        print_versions(client, name, which, output)


def restore(
    name: PipelineName,
    version: Annotated[int, typer.Argument(help="The version to go back to.", min=1, show_default=False)],
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Save the text of an old version again, as the newest one.

    Example: flume restore hello 1
    """
    from flume.cli import acting
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        acting.restore(client, name, version, output)


def audit(
    target: Annotated[str | None, typer.Option(help="Of this target, such as pipelines/hello.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Print who changed what, the newest first.

    Example: flume audit --target pipelines/hello -o wide
    """
    from flume.cli.acting import print_audit
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        print_audit(client, target, limit, output)


def stats(
    pipeline: Annotated[
        str | None, typer.Option(help="Of this pipeline alone, and of each of its nodes.", metavar="NAME")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Since a moment, or 7d for seven days ago. Default: a day ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment. Default: now.")] = None,
    interval: Annotated[str | None, typer.Option(help="Length of an interval, for -o json.")] = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Print how many runs ended how, and how long they took; with --pipeline, the same of its nodes.

    Example: flume stats --pipeline hello --since 7d
    """
    from flume.cli.acting import print_statistics
    from flume.cli.connecting import connect
    from flume.cli.listing import moment

    query = {
        "pipeline": pipeline,
        "since": None if since is None else moment(since, "--since"),
        "until": None if until is None else moment(until, "--until"),
        # One interval for a table of totals: otherwise a long time would have to be cut into too many.
        "interval": interval or ("1d" if output in (Format.TEXT, Format.WIDE) else None),
    }
    with connect(server, namespace) as client:
        print_statistics(client, output, **query)


def login(
    server: Server = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the token that is kept for the server.")] = False,
) -> None:
    """Keep a token for a server, readable by you alone. It is asked for, or read from the standard input.

    Example: flume login --server https://flume.example.org
    """
    from flume.cli.logging_in import log_in

    log_in(server, forget=forget)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (pause, resume, activate, versions, restore, audit, stats, login):
        app.command()(command)
