"""Commands that serve."""

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="The address to listen on. Beyond loopback, FLUME_API_TOKEN has to be set.")]
ConsoleHost = Annotated[
    str,
    typer.Option("--host", help="The address to listen on. Beyond loopback, the orchestrator has to ask for tokens."),
]
Port = Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", envvar="PORT", min=0, max=65535)]


def orchestrator(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API on the data folder (FLUME_DATA), and go on with the runs that are in it.

    Example: flume orchestrator --port 8000
    """
    from flume.cli.serving import run_orchestrator

    raise typer.Exit(run_orchestrator(host, port))


def console(host: ConsoleHost = "127.0.0.1", port: Port = 8080) -> None:
    """Serve the console, the pages in a browser, for the orchestrator at ENGINE_URL.

    People log in with a token of the orchestrator, where it wants one. flume dev serves the console itself.

    Example: flume console --port 8080
    """
    from flume.cli.console import run_console

    raise typer.Exit(run_console(host, port))


def operator(host: Host = "127.0.0.1", port: Port = 8090) -> None:
    """Make a Kubernetes cluster and the orchestrator at ENGINE_URL agree: what pipelines, node types and models want there.

    The cluster is the one of its own pod, else that of KUBECONFIG. HOST and PORT are for probes: /healthz and /readyz.

    Example: flume operator
    """
    from flume.cli.operating import run_operator

    raise typer.Exit(run_operator(host, port))


def dev(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files and folders with pipelines and node files.", show_default="."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    demo: Annotated[
        bool, typer.Option("--demo", help="Run the first pipeline and show its result, then serve.")
    ] = False,
) -> None:
    """Serve pipelines and node files from folders, with API and console, and take them up anew whenever one is written.

    A file that is not valid is told with line and column, and the last good version stays in use.

    Example: flume dev examples
    """
    from flume.cli.developing import Session, develop

    raise typer.Exit(develop(Session(paths or [Path()], host, port, demo)))


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (dev, orchestrator, console, operator):
        app.command()(command)
