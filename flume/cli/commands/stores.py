"""Commands about the store itself, which nobody may use meanwhile."""

from typing import Annotated

import typer


def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to write it; - is the standard output.")] = "-",
) -> None:
    """Write everything in the store to a file: pipelines, runs under way and ended, schedules, logs, keys.

    The store is the one that flume orchestrator would use (FLUME_DATA, or MONGODB_URL and DB_NAME); no orchestrator may be
    at work on it. The file is as secret as the store.

    Example: flume export flume.jsonl
    """
    from flume.cli.moving import export_to

    raise typer.Exit(export_to(file))


def import_(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="What to read; - is the standard input.")] = "-",
) -> None:
    """Read what flume export wrote into a store that is empty. Runs that were under way are gone on with at the next start.

    The store is the one that flume orchestrator would use (FLUME_DATA, or MONGODB_URL and DB_NAME).

    Example: flume import flume.jsonl
    """
    from flume.cli.moving import import_from

    raise typer.Exit(import_from(file))


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(export)
    app.command("import")(import_)
