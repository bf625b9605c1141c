"""The audit log: who changed what."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from orchestrator.api.answers import json_response
from orchestrator.api.context import TheNamespace, TheOrchestrator, administrator
from orchestrator.api.presentation import Record, timestamp, to_json
from orchestrator.api.run_models import Page, Shown
from orchestrator.store import AuditEntry

router = APIRouter(tags=["audit"])


class AuditRecord(Shown):
    """One change. ``before`` and ``after`` are small: versions, hashes, states."""

    id: str
    at: AwareDatetime
    namespace: str
    actor: str
    origin: str
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@router.get(
    "/api/v1/audit",
    summary="Who did what",
    dependencies=[Depends(administrator)],
    response_class=Response,
    responses={200: {"model": Page[AuditRecord]}},
)
async def list_audit(
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    target: Annotated[str | None, Query(description="Of this target, such as `pipelines/hello`.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Changes in the namespace, the newest first. For tokens of role admin."""
    page = await orchestrator.store.list_audit(namespace, target=target, limit=limit, cursor=cursor)
    return json_response(to_json({"items": [_record(each) for each in page.items], "nextCursor": page.cursor}))


def _record(entry: AuditEntry) -> Record:
    return {
        "id": entry.id,
        "at": timestamp(entry.at),
        "namespace": entry.namespace,
        "actor": entry.actor,
        "origin": entry.origin,
        "action": entry.action,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
    }
