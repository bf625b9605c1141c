"""Work on large values beside the event loop, so that everything else of the process goes on meanwhile.

It helps with what is done in Python, such as checking each value. A single call into C, such as parsing or encoding as JSON,
holds the interpreter wherever it is made; sixteen MiB of JSON take it from some ten milliseconds to a few hundred.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

ASIDE_FROM = 1024 * 1024
"""Bytes of JSON from which work on it is done aside; going there costs a tenth of a millisecond."""

P = ParamSpec("P")
T = TypeVar("T")


async def aside(size: int, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What a function gives whose work grows with ``size``, in bytes of JSON; in a thread if that is much.

    The function must be one that any thread may call. Cancelling does not stop it.
    """
    if size < ASIDE_FROM:
        return function(*arguments, **named)
    return await asyncio.to_thread(function, *arguments, **named)
