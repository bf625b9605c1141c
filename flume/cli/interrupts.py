"""Ctrl-C and SIGTERM: the first asks for a clean end; the second leaves at once, and so does time that runs out.

Leaving must not depend on the event loop, which a node may keep busy, nor on tasks that end when they are cancelled.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from threading import Timer
from types import FrameType, TracebackType
from typing import Any, TypeVar

from flume.cli.printing import say

Given = TypeVar("Given")

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_interruptible(work: Callable[[asyncio.Event], Coroutine[Any, Any, Given]], *, patience_s: float) -> Given:
    """What ``work`` gives, on an event loop of its own; the first signal sets the event that it is called with.

    A second signal ends the process without anything more being done, and so do ``patience_s`` seconds after the first.
    Only the main thread may call this.
    """
    runner = asyncio.Runner()
    with _Interrupts(runner.get_loop(), patience_s) as interrupted, runner:
        return runner.run(work(interrupted))


class _Interrupts:
    """Catches the signals for the length of the block, which gets the event."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        self._loop = loop
        self._interrupted = asyncio.Event()
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._is_asked = False
        self._impatience = Timer(patience_s, _give_up)
        self._impatience.daemon = True

    def __enter__(self) -> asyncio.Event:
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._interrupted.set)
            # The loop still learns of the signal; this is called even while it is kept busy.
            signal.signal(number, self._count)
        return self._interrupted

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._impatience.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, frame: FrameType | None) -> None:
        if self._is_asked:
            os._exit(INTERRUPTED)
        self._is_asked = True
        self._impatience.start()


def _give_up() -> None:
    say("something does not stop, perhaps a node that ignores its cancellation; leaving without it")
    os._exit(INTERRUPTED)
