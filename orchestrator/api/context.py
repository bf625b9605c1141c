"""What every route works with: the orchestrator, and who is calling."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.service import Orchestrator


class Role(IntEnum):
    """What a caller may do; each includes those before it."""

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


def current_orchestrator(request: Request) -> Orchestrator:
    """The orchestrator that the app was made for."""
    orchestrator: Orchestrator = request.app.state.orchestrator
    return orchestrator


def current_caller(request: Request) -> Caller:
    """The caller, as the access check found it."""
    caller: Caller = request.state.caller
    return caller


TheOrchestrator = Annotated[Orchestrator, Depends(current_orchestrator)]
TheCaller = Annotated[Caller, Depends(current_caller)]
