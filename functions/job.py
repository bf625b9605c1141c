"""One order, carried out by a process of its own: what a Job does that Knative's JobSink made.

The order is in a file, an event as JSON. The process tells its answer to the orchestrator and ends. Nobody starts it again, so
whatever happens to the order is told: that its type is not here, that its data is gone, that the process had to stop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from eventing.cloudevents import STRUCTURED, CloudEvent, MalformedEventError, decode_one
from eventing.in_process import InProcessExecutor
from eventing.invocations import Failed
from eventing.messages import failed_instead
from flume.errors import FlumeError, NodeError, RequestError, SettingError
from flume.nodes.types import NodeType
from functions.orchestrator_client import OrchestratorClient
from functions.process import FunctionOptions, load_types, memo_of, type_among
from functions.reporter import Reporter
from functions.runtime import CutShortError, DrainingError, GoneError, Runtime
from functions.stopping import Stop, first_of, signals_to

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
"""Between two tries to reach the orchestrator."""

_TELLING_S = 2.0
"""What of the grace is kept for telling that the work could not be finished."""

_T = TypeVar("_T")


class _UntoldError(Exception):
    """The process had to stop before it could tell the orchestrator how the order went."""


async def run_job(options: FunctionOptions, event_file: Path) -> bool:
    """Carry out the order in a file and tell what came of it; whether it is known there, or wanted by nobody any more.

    Told to stop, it finishes within the grace or says that it could not. Raises `RequestError` for a file that holds no order or
    one whose data can't be had, and `SettingError` without an orchestrator.
    """
    order = read_order(event_file)
    if not options.engine_url:
        raise SettingError("ENGINE_URL", "expected the orchestrator's address: a job tells its answer there")
    client = OrchestratorClient(options.engine_url)
    stop = Stop(options.grace_s)
    closing = asyncio.create_task(_close_in_time(client, stop), name="end of the grace")
    try:
        with signals_to(stop.want):
            return await _Job(options, client, stop).carry_out(order)
    except _UntoldError as error:
        logger.error("how the order went could not be told", extra={"event": order.id, "reason": str(error)})
        return False
    finally:
        closing.cancel()
        client.close()


async def _close_in_time(client: OrchestratorClient, stop: Stop) -> None:
    """Give up calls that would go on beyond the grace."""
    await stop.wait()
    await asyncio.sleep(stop.left_s)
    client.close()


def read_order(event_file: Path) -> CloudEvent:
    """The event in a file. Raises `RequestError`."""
    try:
        return decode_one([("content-type", STRUCTURED)], event_file.read_bytes())
    except OSError as error:
        raise RequestError(f"the order can't be read: {event_file}: {error.strerror}") from error
    except MalformedEventError as error:
        raise RequestError(f"{event_file} holds no event: {error}") from error


class _Job:
    """Carries out one order."""

    def __init__(self, options: FunctionOptions, client: OrchestratorClient, stop: Stop) -> None:
        self._options = options
        self._client = client
        self._stop = stop

    async def carry_out(self, order: CloudEvent) -> bool:
        """Whether what came of the order is known to the orchestrator, or wanted by nobody."""
        try:
            whole = await self._persist(partial(self._client.whole, order))
        except NodeError as error:
            # Its token is where its data is, so nothing can be said in its name.
            raise RequestError(f"the data of the order can't be had: {error}") from error
        try:
            answer = await self._answer(whole)
        except GoneError:
            logger.info("nobody wants the answer any more", extra={"event": order.id})
            return True
        return await self._tell(answer)

    async def _answer(self, order: CloudEvent) -> CloudEvent:
        """What comes of the order; a failure too is an answer."""
        try:
            types = load_types(self._options)
            return await self._work(order, types)
        except (CutShortError, DrainingError) as error:
            is_untouched = isinstance(error, DrainingError)
            return _failed(order, Failed("cut-short", str(error), retryable=True, answered=is_untouched))
        except GoneError:
            raise
        except FlumeError as error:
            return _failed(order, Failed("refused", str(error)))

    async def _work(self, order: CloudEvent, types: Mapping[str, NodeType]) -> CloudEvent:
        async with (
            InProcessExecutor(self._options.settings, self._options.secrets) as executor,
            memo_of(self._options) as memo,
        ):
            runtime = Runtime(type_named=partial(type_among, types), executor=executor, memo=memo, capacity=1)
            reporter = Reporter(self._client, runtime.cancel)
            runtime.report_to(reporter)
            runtime.become_ready()
            answering = asyncio.ensure_future(runtime.answer(order))

            async def end_in_time() -> None:
                await self._stop.wait()
                await runtime.drain(max(self._stop.left_s - _TELLING_S, 0))
                await asyncio.wait([answering])

            await first_of(asyncio.wait([answering]), end_in_time(), reporter.run())
            return await answering

    async def _tell(self, answer: CloudEvent) -> bool:
        travelling = await self._persist(partial(self._client.travelling, answer))
        status = await self._persist(partial(self._client.send, travelling))
        if status not in (202, 410):
            logger.error("the orchestrator refused the answer", extra={"event": answer.id, "status": status})
        return status in (202, 410)

    async def _persist(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """What a call to the orchestrator gives, tried for as long as the process lives."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await call()
            except ConnectionError as error:
                if self._stop.is_wanted and not self._stop.left_s:
                    raise _UntoldError(str(error)) from error
                logger.warning("the orchestrator can't be reached; trying again", extra={"reason": str(error)})
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, less long if the process is to stop."""
        if not self._stop.is_wanted:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stop.wait()
        await asyncio.sleep(min(_FIRST_PAUSE_S, self._stop.left_s) if self._stop.is_wanted else 0)


def _failed(order: CloudEvent, failed: Failed) -> CloudEvent:
    """The answer that an order failed, for when no node was there to say so."""
    node_type = order.extensions.get("flumenodetype", "")
    return failed_instead(replace(order, source=f"/flume/functions/{node_type}"), failed)
