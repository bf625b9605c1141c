"""For a console that others can reach: works only as long as the orchestrator asks everybody for a token.

The console has no tokens of its own. Beside an open orchestrator on loopback it would let the whole network in.
"""

import time
from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from console.engine import Engine, EngineRefusal, EngineUnreachable, Visitor

KNOWN_S = 60.0
"""So long an orchestrator that asked for a token is taken to ask the next caller too."""

_OPEN = (
    "This console can be reached by others, and the orchestrator behind it lets everybody in. "
    "Set FLUME_API_TOKEN for the orchestrator, or FLUME_AUTH=none for the console if that is meant.\n"
)


class Guard:
    """Lets requests through while calls without a token are refused by the orchestrator."""

    def __init__(self, app: ASGIApp, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._engine = engine
        self._clock = clock
        self._closed_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if await self._is_closed():
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(_OPEN, 503)(scope, receive, send)

    async def _is_closed(self) -> bool:
        if self._clock() < self._closed_until:
            return True
        try:
            await self._engine.calls(Visitor()).get("/api/v1/caller")
        except EngineRefusal as refusal:
            if refusal.status != 401:
                return False
            self._closed_until = self._clock() + KNOWN_S
            return True
        except EngineUnreachable:
            # Nothing to be seen, and nothing remembered: the page says that nobody answers.
            return True
        return False
