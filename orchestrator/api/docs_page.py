"""The page at ``/docs``: the API's description as plain HTML, which loads nothing from anywhere and runs no script."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2430 }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dbe3 }
summary { cursor: pointer; padding: .3rem 0 }
code { font: 14px ui-monospace, monospace }
.method { display: inline-block; width: 4.5rem; font-weight: 600 }
details > div { margin: 0 0 1rem 4.9rem }
table { border-collapse: collapse } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
"""

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"


def docs_page(document: dict[str, Any]) -> HTMLResponse:
    """The page for an OpenAPI document."""
    info = document["info"]
    sections = "".join(_section(tag, rows) for tag, rows in _by_tag(document).items())
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_text(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a></p>{sections}</body></html>'
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})


def _by_tag(document: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tag = operation.get("tags", ["other"])[0]
            found.setdefault(tag, []).append(_operation(path, method, operation))
    return found


def _section(tag: str, rows: list[str]) -> str:
    return f"<h2>{escape(tag.capitalize())}</h2>{''.join(rows)}"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td>"
        f"<td>{_text(each.get('description', ''))}</td></tr>"
        for each in operation.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{_text(response.get('description', ''))}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return (
        f'<details><summary><span class="method">{method.upper()}</span><code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary><div><p>{_text(operation.get('description', ''))}</p>"
        f"<table>{parameters}</table><p>Answers</p><table>{answers}</table></div></details>"
    )


def _text(text: str) -> str:
    """Prose with its code marks, which are all of Markdown that descriptions here use."""
    parts = escape(text.replace("``", "`")).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
