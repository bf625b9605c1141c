"""``flume orchestrator``, composed with what no setting gives: a clock that jumps, and a broker of its own that is disorderly.

Run as ``python replica.py PORT CLOCK DISORDER``: a file for `clocks.JumpingClock`, and the chances of `Disorder` as JSON.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import flume
from eventing.broker import Disorder
from flume.cli.interrupts import run_interruptible
from flume.cli.local import Composition, put_together
from flume.cli.logging import configure_logging
from flume.cli.serving import Prepared, patience_of
from flume.cli.settings import Settings, read_settings
from flume.cli.stores import mongodb_url_of
from flume.ids import Millis
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.metrics import Metrics

# The folder of the tests is no package, and `-P` keeps it from being searched.
sys.path.append(str(Path(__file__).parent))
from clocks import JumpingClock

HOST = "127.0.0.1"


def disorder_of(chances: dict[str, Any]) -> Disorder | None:
    """``delay_ms`` and the fields of `Disorder`; None if there is nothing."""
    if not chances:
        return None
    delay = timedelta(milliseconds=chances.pop("delay_ms", 0))
    return Disorder(**chances, delay=delay)


async def serve(settings: Settings, composition: Composition, port: int, stopping: asyncio.Event) -> None:
    """Until it is told to stop."""
    access, metrics = access_for(listen_host=HOST), Metrics()
    async with put_together(composition) as parts:
        app = create_app(parts.orchestrator, access, version=flume.__version__, metrics=metrics, secrets={})
        ready = Prepared(parts.orchestrator, settings, HOST, app, access, parts.lanes.refresh)
        async with ready.serving(port):
            await stopping.wait()


def main(port: int, clock_file: Path, chances: dict[str, Any]) -> None:
    """Serve on the loopback interface with the settings of the environment."""
    settings = read_settings()
    configure_logging(settings)
    clock = JumpingClock(clock_file)
    composition = Composition(
        settings,
        {},
        settings.data,
        is_reachable=True,
        disorder=disorder_of(chances),
        mongodb_url=mongodb_url_of(settings, is_enough=True),
        clock=lambda: Millis(clock()),
    )
    run_interruptible(lambda stopping: serve(settings, composition, port, stopping), patience_s=patience_of(settings))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
