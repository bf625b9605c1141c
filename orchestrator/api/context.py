"""What every route works with: the orchestrator, and who is calling.

Dependencies are coroutines even where they wait for nothing: FastAPI sends plain functions to a thread, which costs
more than the whole call.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, HTTPException, Query, Request

from flume.errors import NotFoundError
from orchestrator.auditing import Actor
from orchestrator.service import Orchestrator

NAMESPACE_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"


class Role(IntEnum):
    """What a caller may do; each includes those before it. ``NONE`` is for senders of events who have not shown who they are."""

    NONE = 0
    VIEW = 1
    EDIT = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``name`` goes into the audit log; ``namespaces`` None means all; ``origin`` is the network address."""

    name: str
    role: Role
    namespaces: frozenset[str] | None
    origin: str

    @property
    def actor(self) -> Actor:
        """The caller, for the audit log."""
        return Actor(self.name, self.origin)

    @property
    def administers_all(self) -> bool:
        """Whether it is an administrator of all namespaces, which some calls are for."""
        return self.role is Role.ADMIN and self.namespaces is None


async def current_orchestrator(request: Request) -> Orchestrator:
    """The orchestrator that the app was made for."""
    orchestrator: Orchestrator = request.app.state.orchestrator
    return orchestrator


async def current_caller(request: Request) -> Caller:
    """The caller, as the access check found it."""
    caller: Caller = request.state.caller
    return caller


async def current_namespace(
    request: Request,
    namespace: Annotated[str, Query(description="The tenant.", pattern=NAMESPACE_PATTERN)] = "default",
) -> str:
    """The namespace that the call is about. Raises `NotFoundError` for one that the caller has no right to."""
    return allowed_namespace(request.state.caller, namespace)


def allowed_namespace(caller: Caller, namespace: str) -> str:
    """The namespace, if the caller has a right to it. Raises `NotFoundError` otherwise."""
    allowed = caller.namespaces
    if allowed is not None and namespace not in allowed:
        raise NotFoundError("namespace", namespace, "or this token is bound to others")
    return namespace


async def administrator(request: Request) -> Caller:
    """The caller, who must be an administrator."""
    caller: Caller = request.state.caller
    if caller.role < Role.ADMIN:
        raise HTTPException(403, "this call is for tokens of role admin")
    return caller


def require_all_namespaces(caller: Caller, what: str) -> None:
    """Raise `HTTPException` unless the caller is an administrator of all namespaces; ``what`` is for no one else."""
    if not caller.administers_all:
        raise HTTPException(403, f"{what} is for tokens of role admin that are bound to no namespace")


TheOrchestrator = Annotated[Orchestrator, Depends(current_orchestrator)]
TheCaller = Annotated[Caller, Depends(current_caller)]
TheNamespace = Annotated[str, Depends(current_namespace)]
