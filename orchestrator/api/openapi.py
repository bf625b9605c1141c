"""The description of the API: what FastAPI finds in the routes, and what is the same for all of them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestrator.api.problems import MEDIA_TYPE, ProblemRecord

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemRecord"}}}

_ANYWHERE = {
    "4XX": {"description": "What was sent is wrong; the problem says how to mend it", "content": _PROBLEM},
    "5XX": {"description": "Not now, or Flume failed", "content": _PROBLEM},
}

_DESCRIPTION = """\
Pipelines, their runs, triggers and node types. Errors are problems (RFC 9457), lists are `{items, nextCursor}`, times are
RFC 3339 in UTC. The namespace is `?namespace=`, else `default`."""


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, made at the first call."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=_DESCRIPTION,
            routes=app.routes,
        )
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemRecord.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemRecord"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "One of FLUME_API_TOKEN, where tokens are set."}
    }
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete_operation(path, item[method])


def _complete_operation(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    # FastAPI's own word for bad parameters, which are told as a 400 here.
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    for status, response in _ANYWHERE.items():
        responses.setdefault(status, response)
    if path.startswith("/api/") or path == "/metrics":
        operation["security"] = [{}, {"token": []}]
