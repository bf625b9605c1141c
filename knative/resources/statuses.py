"""Schemas of what stands under ``status``. The operator's framework keeps things of its own there, which are let pass."""

from typing import Any

_CONDITION = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {
        "type": {"type": "string", "maxLength": 316},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string", "maxLength": 1024, "description": "One word for programs."},
        "message": {"type": "string", "maxLength": 32768, "description": "What is so, where, and what to do."},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64"},
    },
}

_COMMON = {
    "observedGeneration": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the resource that all else here is about.",
    },
    "conditions": {
        "type": "array",
        "maxItems": 50,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": _CONDITION,
    },
}

_URL = {"type": "string", "maxLength": 2048}

_OF_KIND: dict[str, dict[str, Any]] = {
    "Pipeline": {
        "address": {
            "type": "object",
            "description": "Where events for this pipeline go: any Knative source can use it as its sink.",
            "properties": {"url": _URL},
        },
        "version": {"type": "integer", "format": "int64", "description": "The version that was saved last."},
        "hash": {"type": "string", "maxLength": 128, "description": "Of that version."},
    },
    "NodeType": {
        "functions": {
            "type": "array",
            "maxItems": 1000,
            "description": "The objects that run it, Services and JobSinks, by name.",
            "items": {"type": "string", "maxLength": 63},
        },
    },
    "Model": {"address": {"type": "object", "properties": {"url": _URL}}},
    "Run": {
        "runId": {"type": "string", "maxLength": 63},
        "status": {"type": "string", "maxLength": 20, "description": "As the run has it, such as running."},
        "startedAt": {"type": "string", "format": "date-time"},
        "completedAt": {"type": "string", "format": "date-time"},
        "duration": {"type": "string", "maxLength": 20, "description": "How long the run took, such as 3.2s."},
        "output": {"x-kubernetes-preserve-unknown-fields": True, "description": "The run's output."},
        "error": {
            "type": "object",
            "description": "Why the run failed, and at which node.",
            "properties": {
                "code": {"type": "string", "maxLength": 100},
                "message": {"type": "string", "maxLength": 8192},
                "node": {"type": "string", "maxLength": 1000},
            },
        },
    },
}


def status_schema(kind: str) -> dict[str, Any]:
    """The schema of the status of a kind of resource."""
    return {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {**_COMMON, **_OF_KIND[kind]},
    }
