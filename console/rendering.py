"""Templates: the environment that renders them, and what every page may use in them."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console import formats, plots
from console.assets import EDITOR, RUN, SHELL, TEXT, Assets
from console.statuses import status_view

TEMPLATES = Path(__file__).parent / "templates"


class Renderer:
    """Renders templates into HTML. Everything that is put in is escaped, unless it is `Markup` of our own."""

    def __init__(self, assets: Assets) -> None:
        self._entries = {
            "shell": assets.entry(SHELL),
            "run_entry": assets.entry(RUN),
            "editor_entry": assets.entry(EDITOR),
            "text_entry": assets.entry(TEXT),
        }

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The text of a template with ``values``."""
        return _environment().get_template(template).render({**self._entries, **values})


@cache
def _environment() -> Environment:
    """One for the process, since it keeps the compiled templates."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        duration=formats.duration,
        moment=formats.moment,
        size=formats.size,
        count=formats.count,
        days=formats.days,
        pretty=formats.pretty,
        prose=formats.prose,
        short_id=formats.short_id,
        island=lambda value: Markup(formats.island_json(value)),
    )
    environment.globals.update(share=formats.share, status_view=status_view, plots=plots, quote=path_part)
    return environment


def path_part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def link_to(path: str, namespace: str, query: Mapping[str, Any]) -> str:
    """An address of the console. Empty values are left out, and so is the namespace that everybody begins in."""
    given = {name: value for name, value in query.items() if value not in (None, "", [], ())}
    if namespace != "default":
        given["namespace"] = namespace
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def own_path(path: str) -> str:
    """A path of the console's own, ``/`` for any other: a link must not be able to send anybody elsewhere."""
    # Browsers take a backslash for a slash, and leave out tabs and line breaks.
    is_own = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_own else "/"


def filters_at(now: datetime) -> dict[str, Any]:
    """What tells how long ago something was."""
    return {"ago": lambda text: formats.ago(text, now), "clock": lambda text: formats.clock(text, now)}
