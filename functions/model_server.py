"""Waits for the model server beside a function: a function is ready when what it asks is.

Kubernetes could look at a second container itself, but Knative lets it do so only where that is switched on.
"""

import asyncio
from urllib.error import URLError
from urllib.request import urlopen

PAUSE_S = 0.5

TIMEOUT_S = 5.0


async def wait_until_served(url: str) -> None:
    """Return once ``url`` answers with 200, however long that takes; at once for an empty one."""
    if not url:
        return
    while True:
        if await asyncio.to_thread(_is_served, url):
            return
        await asyncio.sleep(PAUSE_S)


def _is_served(url: str) -> bool:
    try:
        with urlopen(url, timeout=TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError, ValueError):
        return False
