"""What processes of `tests.servers.forked` have loaded when they begin."""

import flume.cli.commands
import flume.cli.operating
import flume.cli.serving
import functions.nodes.transform
import orchestrator.stores.sqlite.store

__all__ = ["flume", "functions", "orchestrator"]
