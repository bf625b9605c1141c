"""Tells the orchestrator what the platform did."""

from collections.abc import Mapping
from typing import Any

import aiohttp

CALL_S = 10.0

SHOWN = 300
"""Characters of an answer that a message repeats."""

_REFUSALS = (400, 413, 422)


class UntoldError(Exception):
    """The orchestrator could not be told; it may go better later."""


class RefusedError(Exception):
    """The orchestrator takes no such report; telling it again would not help."""


class OrchestratorApi:
    """Calls the orchestrator at ``url`` with an administrator's token; empty: without one."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, token: str = "") -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/api/v1/platform-reports"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def tell(self, report: Mapping[str, Any]) -> None:
        """Send a report, the body of ``POST /api/v1/platform-reports``. Raises `UntoldError` and `RefusedError`."""
        try:
            async with self._session.post(
                self._url,
                json=dict(report),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=CALL_S),
                allow_redirects=False,
            ) as response:
                if response.status != 202:
                    said = (await response.read())[:SHOWN].decode(errors="replace")
                    # Any other may be mended: a token that is wrong, a server that is older than this.
                    kind = RefusedError if response.status in _REFUSALS else UntoldError
                    raise kind(f"{self._url} answered {response.status}: {said}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UntoldError(f"{self._url} did not answer: {type(error).__name__}") from error
