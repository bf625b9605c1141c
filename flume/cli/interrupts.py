"""Ctrl-C and SIGTERM: the first asks for a clean end, the second leaves at once."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """An event that the first signal sets; a further one ends the process without anything more being done."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def interrupt() -> None:
        if interrupted.is_set():
            os._exit(INTERRUPTED)
        interrupted.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        yield interrupted
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
