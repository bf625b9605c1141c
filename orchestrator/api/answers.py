"""What the caller gets who starts a run, now or after waiting for its result (spec 5, last lines)."""

import asyncio
from dataclasses import dataclass

from fastapi import Response

from eventing.hook_responses import HookResponse, safe_response
from flume.errors import RequestError
from flume.ids import RunId
from orchestrator.api.last_call import LastCall
from orchestrator.api.loading import load_run
from orchestrator.api.presentation import (
    failure_record,
    run_links,
    run_path,
    started_record,
    to_json,
)
from orchestrator.api.problems import problem
from orchestrator.bus import run_topic
from orchestrator.engine import Started
from orchestrator.service import Orchestrator
from orchestrator.state import Failure, Run, RunStatus
from orchestrator.values import RunValues
from orchestrator.watching import Watch

LOOK_AGAIN_S = 1.0
"""How often a waiting caller's run is looked up in the store while this process does not hold it."""

RUN_HEADER = "Flume-Run"
"""The header that names the run behind an answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as of a revision."""

    run: Run
    rev: int

    @property
    def is_answer(self) -> bool:
        """Whether the waiting caller can be answered: the run has ended, or its http-response has run."""
        return self.run.response is not None or self.run.status.is_ended


async def until_answered(
    orchestrator: Orchestrator, started: Started, wait_s: float, last_call: LastCall
) -> Seen | None:
    """The run as soon as there is an answer in it; None when time is up or the server stops.

    Must be called right after the start, with nothing awaited in between: the next commit may be the one that counts.
    """
    if started.run is not None:
        seen = Seen(started.run, started.rev)
        if seen.is_answer:
            return seen
    try:
        async with last_call.waiting(wait_s):
            with orchestrator.engine.watch(started.run_id) as watch:
                stored = None if started.run is not None else await orchestrator.store.load_run(started.run_id)
                if stored is not None and (seen := Seen(stored.run, stored.rev)).is_answer:
                    return seen
                return await _follow(orchestrator, started.run_id, watch)
    except TimeoutError:
        return None


async def _follow(orchestrator: Orchestrator, run_id: RunId, watch: Watch) -> Seen:
    """Wait for commits of this process while it holds the run, and otherwise for what the store and the bus say."""
    topic = run_topic(run_id)
    while True:
        while orchestrator.engine.is_active(run_id):
            seen = await _next_commit(watch)
            if seen is not None and seen.is_answer:
                return seen
        with orchestrator.bus.subscribe(topic) as subscription:
            stored = await orchestrator.store.load_run(run_id)
            if stored is not None:
                seen = Seen(stored.run, stored.rev)
                if seen.is_answer:
                    return seen
            if orchestrator.engine.is_active(run_id):
                continue
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await subscription.wait()
            except TimeoutError:
                continue


async def _next_commit(watch: Watch) -> Seen | None:
    try:
        async with asyncio.timeout(LOOK_AGAIN_S):
            run = await watch.next()
            return Seen(run, watch.rev)
    except TimeoutError:
        return None


async def status_of(orchestrator: Orchestrator, started: Started) -> RunStatus:
    """How far a run is that was started now or, with the same key, before."""
    if started.run is not None:
        return started.run.status
    stored = await orchestrator.store.load_run(started.run_id)
    return RunStatus.PENDING if stored is None else stored.run.status


def accepted(run_id: RunId, namespace: str, pipeline: str, status: RunStatus) -> Response:
    """202: the run is durable and goes on."""
    record = started_record(run_id, namespace, pipeline, status)
    headers = {"Location": run_path(run_id, namespace), RUN_HEADER: run_id}
    return json_response(to_json(record), status=202, headers=headers)


async def synchronous_answer(orchestrator: Orchestrator, seen: Seen) -> Response:
    """What the waiting caller gets: the http-response if one ran; else the run, or a problem if it failed."""
    run = seen.run
    if run.response is not None:
        return await _http_response(orchestrator, run)
    if run.status is not RunStatus.COMPLETED:
        return failed_run(run)
    record = await load_run(orchestrator, run, seen.rev)
    return json_response(to_json(record), headers={RUN_HEADER: run.id, "ETag": f'"{seen.rev}"'})


async def _http_response(orchestrator: Orchestrator, run: Run) -> Response:
    if run.response is None:
        raise AssertionError("only a run with a response is answered by it")
    state = run.root.nodes[run.response]
    meta = state.meta or {}
    body = None if state.output is None else await RunValues(orchestrator.store).load_stored(state.output)
    try:
        answer = safe_response(meta.get("status", 200), meta.get("headers"), body)
    except RequestError as error:
        return failed_run(run, Failure("bad-response", f"the pipeline's answer can't be sent: {error}"))
    return to_response(answer, run.id)


def to_response(answer: HookResponse, run_id: RunId) -> Response:
    """An answer of a pipeline as it is sent."""
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers[name] = value
    response.headers[RUN_HEADER] = run_id
    return response


def failed_run(run: Run, failure: Failure | None = None) -> Response:
    """500: the run failed, or was cancelled before it had a result."""
    failure = failure or run.root.error or Failure("failed", "the run failed")
    is_cancelled = run.status is RunStatus.CANCELLED
    return problem(
        500,
        "run-cancelled" if is_cancelled else "run-failed",
        failure.message if failure.node is None else f"{failure.node}: {failure.message}",
        headers={RUN_HEADER: run.id},
        instance=run_path(run.id, run.origin.namespace),
        error=failure_record(failure),
        run={
            "id": run.id,
            "status": run.status.value,
            "links": run_links(run.id, run.origin.namespace, run.origin.pipeline),
        },
    )


def json_response(content: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that is encoded already: nothing is checked against a model on its way out."""
    return Response(content, status, headers, media_type="application/json")
