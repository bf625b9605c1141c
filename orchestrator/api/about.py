"""The orchestrator itself: its version, what it keeps how long, its replicas, tokens by name, and who asks.

Tokens themselves are nowhere in it. What is of all namespaces is for administrators of all of them.
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from flume.ids import Millis
from orchestrator.api.answers import json_response
from orchestrator.api.context import (
    NAMESPACE_PATTERN,
    Caller,
    TheCaller,
    TheOrchestrator,
    allowed_namespace,
)
from orchestrator.api.presentation import Record, timestamp, to_json
from orchestrator.api.run_models import Shown
from orchestrator.api.tokens import Token
from orchestrator.leases import Replica
from orchestrator.service import Orchestrator

router = APIRouter(tags=["orchestrator"])

NamespaceInQuery = Annotated[
    str | None,
    Query(
        description="The tenant; 404 if the token is bound to others. Leave it out to learn which they are.",
        pattern=NAMESPACE_PATTERN,
    ),
]


class CallerRecord(Shown):
    """Who asks. ``namespaces`` null: all of them. ``name`` is empty where nobody needs a token."""

    name: str
    role: str
    namespaces: list[str] | None


class ReplicaRecord(Shown):
    """A process of the orchestrator. ``alive`` false: its lease has ended, and others take up its runs."""

    id: str
    host: str
    started_at: str
    alive: bool


class OrchestratorRecord(Shown):
    """A replica of the orchestrator, as it told of itself when it last renewed its lease.

    ``alive`` false: others take up its runs. ``leaseLeftMs`` is below 0 once the lease has ended. ``runs`` are those that it has
    in memory; runs that sleep are nobody's. ``answering``: it is the one that was asked.
    """

    id: str
    host: str
    pid: int
    version: str
    started_at: str
    alive: bool
    lease_left_ms: int
    runs: int
    answering: bool


class OrchestratorList(Shown):
    """All replicas that are alive, and those that died not long ago."""

    items: list[OrchestratorRecord]


class TokenRecord(Shown):
    """A token of the server, by its place in the setting. ``namespaces`` null: all of them."""

    name: str
    role: str
    namespaces: list[str] | None


class AboutRecord(Shown):
    """What the server is. ``retentionDays`` 0: ended runs are kept for ever. ``replicas`` and ``tokens`` null: not for you."""

    version: str
    caller: CallerRecord
    retention_days: float
    active_runs: int
    replicas: list[ReplicaRecord] | None
    tokens: list[TokenRecord] | None


@router.get(
    "/api/v1/orchestrator",
    summary="The orchestrator itself",
    response_class=Response,
    responses={200: {"model": AboutRecord}},
)
async def read_about(
    request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: NamespaceInQuery = None
) -> Response:
    """Version, retention, who asks; for administrators of all namespaces also replicas and tokens.

    A token that is bound to namespaces may ask without naming one: that is how its bearer learns which they are.
    """
    _check_namespace(caller, namespace)
    record: Record = {
        "version": request.app.version,
        "caller": _caller_record(caller),
        "retentionDays": orchestrator.options.retention_days,
        "activeRuns": orchestrator.engine.active_count,
        "replicas": await _replicas(orchestrator) if caller.administers_all else None,
        "tokens": [_token_record(each) for each in request.app.state.tokens] if caller.administers_all else None,
    }
    return json_response(to_json(record))


@router.get("/api/v1/caller", summary="Who asks", response_class=Response, responses={200: {"model": CallerRecord}})
async def read_caller(caller: TheCaller, namespace: NamespaceInQuery = None) -> Response:
    """Whose token it is, and what it may do. Nothing is read for it: this is the call to check a token by."""
    _check_namespace(caller, namespace)
    return json_response(to_json(_caller_record(caller)))


@router.get(
    "/api/v1/orchestrators",
    summary="List replicas of the orchestrator",
    response_class=Response,
    responses={200: {"model": OrchestratorList}},
)
async def list_orchestrators(orchestrator: TheOrchestrator, caller: TheCaller) -> Response:
    """Who is alive, and what each has under way. For administrators of all namespaces."""
    if not caller.administers_all:
        raise HTTPException(
            403, "replicas are of all namespaces: this call is for tokens of role admin that are bound to none"
        )
    replicas = await orchestrator.leases.replicas()
    now = orchestrator.clock()
    items = [_orchestrator_record(each, now, orchestrator.id) for each in replicas]
    return json_response(to_json({"items": items}))


def _orchestrator_record(replica: Replica, now: Millis, answering: str) -> Record:
    record = replica.record
    return {
        "id": record.id,
        "host": record.host,
        "pid": record.pid,
        "version": record.version,
        "startedAt": timestamp(record.started_at),
        "alive": replica.is_alive,
        "leaseLeftMs": record.lease_until - now,
        "runs": record.runs,
        "answering": record.id == answering,
    }


def _check_namespace(caller: Caller, namespace: str | None) -> None:
    if namespace is not None:
        allowed_namespace(caller, namespace)


async def _replicas(orchestrator: Orchestrator) -> list[Record]:
    def shown(each: Replica) -> Record:
        record = each.record
        return {
            "id": record.id,
            "host": record.host,
            "startedAt": timestamp(record.started_at),
            "alive": each.is_alive,
        }

    return [shown(each) for each in await orchestrator.leases.replicas()]


def _caller_record(caller: Caller) -> Record:
    return {"name": caller.name, "role": caller.role.name.lower(), "namespaces": _names(caller.namespaces)}


def _token_record(token: Token) -> Record:
    return {"name": token.name, "role": token.role.name.lower(), "namespaces": _names(token.namespaces)}


def _names(namespaces: frozenset[str] | None) -> list[str] | None:
    return None if namespaces is None else sorted(namespaces)
