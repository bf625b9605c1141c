"""What the visual editor begins with: the text, the node types that there are, and the schema of the document."""

from functools import cache
from typing import Any

from console.models import Json
from flume.schema import pipeline_schema


def editor_start(saved: Json, node_types: Json, *, namespace: str, may_change: bool) -> Json:
    """The JSON in the page. ``saved`` is ``{name, text, etag}``, the name empty if it never was saved."""
    return {
        "saved": saved,
        "nodeTypes": node_types["items"],
        "schema": _schema(),
        "namespace": namespace,
        "mayChange": may_change,
    }


@cache
def _schema() -> dict[str, Any]:
    return pipeline_schema()
