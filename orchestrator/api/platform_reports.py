"""What the platform did to processes of functions and jobs, told by who watches it: the operator on a cluster.

The process itself can't say it any more, or not yet. Whoever says so may end attempts of any run, so it takes an administrator of
all namespaces.
"""

from collections.abc import Iterable
from typing import Literal, Self

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import Field, model_validator

from eventing.messages import Attempt
from flume.expressions.secrets import MASK
from flume.ids import Instance, RunId
from orchestrator.api.context import TheCaller, TheOrchestrator
from orchestrator.api.run_models import PROBLEM_ANSWERS, Taken
from orchestrator.auditing import Change
from orchestrator.platform_reports import AttemptEnded

router = APIRouter(tags=["functions"], responses=PROBLEM_ANSWERS)

MOST_LINES = 100


class ReportedAttempt(Taken):
    """An attempt, as the extensions `flumerun`, `flumenode` and `flumeattempt` of its order name it."""

    run: str = Field(min_length=1, max_length=100)
    node: str = Field(min_length=1, max_length=1000, description="The instance, such as `each[3].fetch`.")
    number: int = Field(ge=1)


class PlatformReportBody(Taken):
    """What happened, to one ``attempt`` or to all that wait for a ``function``; exactly one of the two."""

    attempt: ReportedAttempt | None = None
    function: str | None = Field(default=None, max_length=63, description="The name of its Service.")
    code: Literal[
        "oom-killed", "image-pull", "evicted", "unschedulable", "deadline-exceeded", "crashed", "start-failed"
    ]
    message: str = Field(min_length=1, max_length=4000, description="What happened, for people.")
    over: bool = Field(default=False, description="The process has ended; otherwise what hinders it may still pass.")
    lines: list[str] = Field(
        default_factory=list,
        max_length=MOST_LINES,
        description="The last that the process wrote, for the attempt's log.",
    )

    @model_validator(mode="after")
    def _is_about_one(self) -> Self:
        if (self.attempt is None) == (self.function is None):
            raise ValueError("give either attempt or function")
        if self.over and self.attempt is None:
            raise ValueError("only an attempt can be over: a function goes on without one of its processes")
        return self


@router.post(
    "/api/v1/platform-reports",
    summary="Tell what the platform did to a process",
    status_code=202,
    response_class=Response,
    responses={202: {"description": "Taken, or told before, or wanted by nobody"}},
)
async def take_platform_report(
    body: PlatformReportBody, request: Request, orchestrator: TheOrchestrator, caller: TheCaller
) -> Response:
    """Fail the attempt if it is over, to be tried again by its node's rules; else show what it waits for in its log.

    What still hinders an attempt when its time to start is over, is what it fails as. For administrators of all namespaces.
    """
    if not caller.administers_all:
        raise HTTPException(
            403, "attempts are of all namespaces: this call is for tokens of role admin that are bound to none"
        )
    reports = orchestrator.platform_reports
    if body.attempt is None:
        reports.hinder_function(body.function or "", body.code, body.message)
        return Response(status_code=202)
    attempt = Attempt(RunId(body.attempt.run), Instance(body.attempt.node), body.attempt.number)
    if not body.over:
        reports.hinder_attempt(attempt, body.code, body.message)
        return Response(status_code=202)
    lines = [_masked(line, request.app.state.secrets.values()) for line in body.lines]
    origin = await reports.end(AttemptEnded(attempt, body.code, body.message, lines))
    if origin is not None:
        after = {"node": attempt.instance, "attempt": attempt.number, "code": body.code}
        change = Change("attempt.fail", f"runs/{attempt.run_id}", origin.namespace, after=after)
        await orchestrator.audit.record(caller.actor, change)
    return Response(status_code=202)


def _masked(line: str, secrets: Iterable[str]) -> str:
    """A line without the secrets that this orchestrator knows."""
    for secret in filter(None, secrets):
        line = line.replace(secret, MASK)
    return line
