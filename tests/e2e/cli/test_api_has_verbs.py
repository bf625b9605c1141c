import typer

from flume.cli.commands import app
from flume.cli.serving import create_app
from orchestrator.api.access import Access
from orchestrator.api.openapi import describe_api

VERBS = {
    "GET /api/v1/audit": "audit",
    "GET /api/v1/caller": "get",
    "GET /api/v1/events": "get",
    "GET /api/v1/functions": "get",
    "GET /api/v1/functions/{name}": "describe",
    "GET /api/v1/logs": "logs",
    "GET /api/v1/nodes": "get",
    "GET /api/v1/nodes/{type}": "describe",
    "PUT /api/v1/nodes/{type}": "nodes save",
    "DELETE /api/v1/nodes/{type}": "nodes delete",
    "POST /api/v1/nodes/{type}:test": "nodes test",
    "GET /api/v1/payloads/{payload_id}": "describe",
    "GET /api/v1/orchestrator": "get",
    "GET /api/v1/orchestrators": "get",
    "GET /api/v1/pipelines": "get",
    "POST /api/v1/pipelines": "apply",
    "POST /api/v1/pipelines:validate": "validate",
    "GET /api/v1/pipelines/{name}": "describe",
    "PUT /api/v1/pipelines/{name}": "apply",
    "PATCH /api/v1/pipelines/{name}": "apply",
    "DELETE /api/v1/pipelines/{name}": "delete",
    "POST /api/v1/pipelines/{name}/activate": "activate",
    "POST /api/v1/pipelines/{name}/invoke": "invoke",
    "POST /api/v1/pipelines/{name}/pause": "pause",
    "POST /api/v1/pipelines/{name}/resume": "resume",
    "GET /api/v1/pipelines/{name}/versions": "versions",
    "GET /api/v1/pipelines/{name}/versions/{version}": "versions",
    "GET /api/v1/pipelines/{name}/versions/{earlier}..{later}": "versions",
    "POST /api/v1/pipelines/{name}/versions/{version}/restore": "restore",
    "GET /api/v1/runs": "get",
    "POST /api/v1/runs": "run",
    "POST /api/v1/runs:cancel": "cancel",
    "POST /api/v1/runs:retry": "retry",
    "GET /api/v1/runs/{run_id}": "describe",
    "POST /api/v1/runs/{run_id}/cancel": "cancel",
    "GET /api/v1/runs/{run_id}/events": "invoke",
    "GET /api/v1/runs/{run_id}/graph": "describe",
    "GET /api/v1/runs/{run_id}/logs": "logs",
    "GET /api/v1/runs/{run_id}/nodes/{node}": "describe",
    "GET /api/v1/runs/{run_id}/nodes/{node}/items": "describe",
    "POST /api/v1/runs/{run_id}/rerun": "rerun",
    "POST /api/v1/runs/{run_id}/retry": "retry",
    "GET /api/v1/secrets": "get",
    "GET /api/v1/stats": "stats",
    "GET /api/v1/triggers": "get",
    "GET /api/v1/triggers/{pipeline}/{id}": "describe",
    "PATCH /api/v1/triggers/{pipeline}/{id}": "pause",
    "POST /api/v1/triggers/{pipeline}/{id}/fire": "fire",
    "GET /healthz": "get",
    "GET /readyz": "get",
}

FOR_MACHINES = ("/metrics", "/hooks/", "/events", "/api/v1/platform-reports", "/api/v1/cluster/")


def test_every_action_of_the_api_has_a_verb():
    described = describe_api(create_app(None, Access(), version="0"))
    operations = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
        if not path.startswith(FOR_MACHINES)
    }
    assert operations == set(VERBS)
    group = typer.main.get_command(app)
    for verb in set(VERBS.values()):
        found = group
        for word in verb.split():
            found = found.commands[word]
