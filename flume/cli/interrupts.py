"""Ctrl-C and SIGTERM: the first asks for a clean end; the second leaves at once, and so does time that runs out.

Leaving must not depend on the main thread, which a node may keep busy, nor on tasks that end when they are cancelled: Python
calls signal handlers between two steps of the main thread only, and takes two signals that it has not come to for one. So
a thread of its own hears of each signal as it arrives, by the file descriptor that Python writes to at once.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from threading import Thread
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
    """Hears the signals for the length of the block, which gets the event."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        self._loop = loop
        self._patience_s = patience_s
        self._interrupted = asyncio.Event()
        self._has_heard = False
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._arriving, self._arrived = socket.socketpair()
        self._listener = Thread(target=self._listen, name="interrupts", daemon=True)

    def __enter__(self) -> asyncio.Event:
        self._arriving.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._arriving.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _leave_it_to_the_listener)
        self._listener.start()
        return self._interrupted

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # Once interrupted, the process is about to end: another signal ends it then, without Python's traceback.
            signal.signal(number, signal.SIG_DFL if self._has_heard else handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._arriving.close()
        self._listener.join()
        self._arrived.close()

    def _listen(self) -> None:
        """Until the block ends."""
        if self._hear():
            self._has_heard = True
            with contextlib.suppress(RuntimeError):  # The loop has ended, and with it what was to be interrupted.
                self._loop.call_soon_threadsafe(self._interrupted.set)
            self._arrived.settimeout(self._patience_s)
            try:
                if not self._hear():
                    return
            except TimeoutError:
                say("something does not stop, perhaps a node that ignores its cancellation; leaving without it")
            os._exit(INTERRUPTED)

    def _hear(self) -> bool:
        """Waits for one of the signals; False is the end of the block."""
        while arrived := self._arrived.recv(1):
            if arrived[0] in _SIGNALS:
                return True
        return False


def _leave_it_to_the_listener(number: int, frame: FrameType | None) -> None:
    """Python writes a signal to the descriptor only if it has a handler."""
