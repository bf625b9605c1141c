"""The catalogue of node types, and the functions behind them."""

from fastapi import APIRouter, Response

from console.models.node_types import by_category, schema_fields
from console.visit import TheVisit, path_part, together

router = APIRouter()


@router.get("/nodes")
async def list_node_types(visit: TheVisit, q: str = "") -> Response:
    """Node types by category, functions with their state, and what could not be loaded."""
    page, functions = await together(
        visit.calls.get("/api/v1/nodes"), visit.calls.get_or({"items": []}, "/api/v1/functions")
    )
    words = q.lower().split()
    found = [
        each
        for each in page["items"]
        if all(word in f"{each['name']} {each['category']} {each['description']}".lower() for word in words)
    ]
    return visit.page(
        "nodes.html", groups=by_category(found), functions=functions["items"], failures=page["failures"], q=q
    )


@router.get("/nodes/{name}")
async def show_node_type(visit: TheVisit, name: str) -> Response:
    """A node type with its fields."""
    node_type = await visit.calls.get(f"/api/v1/nodes/{path_part(name)}")
    return visit.page(
        "node_type.html",
        node_type=node_type,
        config=schema_fields(node_type["configSchema"]),
        inputs=schema_fields(node_type["inputSchema"]),
        outputs=schema_fields(node_type["outputSchema"] if isinstance(node_type["outputSchema"], dict) else None),
    )
