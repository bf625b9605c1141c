"""The secrets of a namespace by name: which are set, and which pipelines ask for them. Values are nowhere in it."""

import re
from collections import OrderedDict, defaultdict

from fastapi import APIRouter, Request, Response

from flume.ids import PipelineId
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheCaller, TheNamespace, TheOrchestrator
from orchestrator.api.pipeline_presentation import text_of
from orchestrator.api.presentation import to_json
from orchestrator.api.run_models import PROBLEM_ANSWERS, Shown
from orchestrator.service import Orchestrator
from orchestrator.store import PipelineFilter, PipelineRecord

router = APIRouter(tags=["orchestrator"], responses=PROBLEM_ANSWERS)

MAX_PIPELINES = 500
"""Pipelines that one call looks through, by name."""

MAX_KEPT = 5000
"""Pipelines whose names of secrets stay in memory."""

_SECRET = re.compile(r"\bsecrets\.([A-Za-z_]\w*)", re.ASCII)


class SecretRecord(Shown):
    """A secret, by name alone. ``usedBy`` are pipelines of the namespace whose text names it, which may be a draft's."""

    name: str
    is_set: bool
    used_by: list[str]


class SecretsRecord(Shown):
    """Secrets by name. ``hasMore``: there are pipelines that were not looked through."""

    items: list[SecretRecord]
    has_more: bool


class SecretNames:
    """The secrets that texts of pipelines name. A text is read once, and again after its pipeline was changed."""

    def __init__(self, *, most: int = MAX_KEPT) -> None:
        self._most = most
        self._known: OrderedDict[PipelineId, tuple[int, frozenset[str]]] = OrderedDict()

    async def of(self, orchestrator: Orchestrator, record: PipelineRecord) -> frozenset[str]:
        """Those that the text of a pipeline names."""
        rev, names = self._known.get(record.id, (None, frozenset[str]()))
        if rev != record.rev:
            names = frozenset(_SECRET.findall(await text_of(orchestrator, record)))
            self._known[record.id] = record.rev, names
        self._known.move_to_end(record.id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return names


@router.get(
    "/api/v1/secrets",
    summary="Secrets by name",
    response_class=Response,
    responses={200: {"model": SecretsRecord}},
)
async def list_secrets(
    request: Request, orchestrator: TheOrchestrator, caller: TheCaller, namespace: TheNamespace
) -> Response:
    """Secrets that pipelines ask for, and those that are set; the latter only for callers who are bound to no namespace."""
    known: SecretNames = request.app.state.secret_names
    page = await orchestrator.store.list_pipelines(PipelineFilter(namespace), limit=MAX_PIPELINES)
    used: dict[str, list[str]] = defaultdict(list)
    for record in page.items:
        for name in await known.of(orchestrator, record):
            used[name].append(record.name)
    is_set = frozenset(orchestrator.options.secret_names)
    names = used.keys() | (is_set if caller.namespaces is None else ())
    items = [{"name": name, "isSet": name in is_set, "usedBy": sorted(used.get(name, ()))} for name in sorted(names)]
    return json_response(to_json({"items": items, "hasMore": page.cursor is not None}))
