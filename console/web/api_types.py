"""Writes ``src/api/schema.ts``: the API's own description of its bodies and answers as TypeScript types.

``python console/web/api_types.py`` writes the file; with ``--check`` it only fails if the file is not what it would be.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.api.access import Access
from orchestrator.api.app import create_app
from orchestrator.api.openapi import describe_api

TARGET = Path(__file__).parent / "src" / "api" / "schema.ts"

HEAD = """\
// Written by api_types.py from the API's description; `make types` writes it anew.

"""

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

Schema = Mapping[str, Any]


def api_types(document: Schema) -> str:
    """The text of the file for an OpenAPI document."""
    schemas = document["components"]["schemas"]
    return HEAD + "\n\n".join(_declaration(name, schemas[name]) for name in sorted(schemas)) + "\n"


def _declaration(name: str, schema: Schema) -> str:
    description = str(schema.get("description", "")).replace("``", "`")
    comment = "" if not description else "/** " + description.replace("\n", "\n * ") + " */\n"
    return f"{comment}export type {_name(name)} = {_type(schema)};"


def _name(name: str) -> str:
    """``Page_ItemRecord_`` is ``PageOfItemRecord``."""
    generic, _, argument = name.rstrip("_").partition("_")
    return f"{generic}Of{argument}" if argument else generic


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_type(each) for each in schema[union]))
    match schema.get("type"):
        case "array":
            return f"readonly ({_type(schema.get('items', {}))})[]"
        case "object":
            return _object(schema)
        case str(scalar):
            return _SCALARS[scalar]
        case _:
            return "unknown"


def _object(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    fields = [
        f"  readonly {key}{'' if key in required else '?'}: {_type(field)};"
        for key, field in schema.get("properties", {}).items()
    ]
    others = schema.get("additionalProperties")
    if not fields:
        return f"Readonly<Record<string, {_type(others) if isinstance(others, dict) else 'unknown'}>>"
    record = "{\n" + "\n".join(fields) + "\n}"
    return f"{record} & Readonly<Record<string, unknown>>" if others is True else record


def main(arguments: list[str]) -> int:
    """Write the file, or check it: 1 if it is not what it would be."""
    # Routes are described without an orchestrator behind them.
    app = create_app(None, Access(), version="0")  # type: ignore[arg-type]
    text = api_types(describe_api(app))
    if "--check" not in arguments:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() == text:
        return 0
    sys.stderr.write(f"{TARGET.name} is not what the API says of itself; run 'make types' and look at the difference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
