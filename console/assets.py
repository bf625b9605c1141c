"""The built scripts and styles: which files an entry needs, by Vite's manifest.

The bundle is built when Flume is installed (``hatch_build.py``) and is not in the repository.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flume.errors import FlumeError

DIST = Path(__file__).parent / "static" / "dist"
DIST_URL = "/static/dist/"

SHELL = "src/entries/shell.ts"
RUN = "src/entries/run.tsx"
EDITOR = "src/entries/editor.tsx"
TEXT = "src/entries/text.ts"
VITE_CLIENT = "@vite/client"


class NotBuiltError(FlumeError):
    """The console's scripts and styles are not there."""

    code = "console-not-built"
    hint = "run 'make install' in the checkout, or 'pip install .' again without FLUME_CONSOLE=skip"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"the console's scripts and styles were not built: there is no {folder / 'manifest.json'}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a page loads for one entry, as URLs: modules to run, stylesheets, and modules to fetch ahead."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    preloads: tuple[str, ...] = ()


class Assets:
    """Entries by the name of their source, such as `SHELL`."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries

    @classmethod
    def none(cls) -> "Assets":
        """Pages without scripts and styles, which work all the same."""
        return cls({})

    @classmethod
    def built(cls, folder: Path = DIST) -> "Assets":
        """Those of a build. Raises `NotBuiltError`."""
        try:
            text = (folder / "manifest.json").read_text()
        except FileNotFoundError as error:
            raise NotBuiltError(folder) from error
        return cls(read_manifest(json.loads(text)))

    @classmethod
    def of_vite(cls, url: str) -> "Assets":
        """Those of Vite's own server, which builds as files change."""
        client = f"{url}/{VITE_CLIENT}"
        return cls({name: Entry(scripts=(client, f"{url}/{name}")) for name in (SHELL, RUN, EDITOR, TEXT)})

    def entry(self, name: str) -> Entry:
        """What an entry needs; nothing if it is not part of the build."""
        return self._entries.get(name, Entry())


def read_manifest(manifest: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries of Vite's manifest, each with the styles of all chunks that it imports."""
    return {name: _entry(manifest, name) for name, chunk in manifest.items() if chunk.get("isEntry")}


def _entry(manifest: Mapping[str, Any], name: str) -> Entry:
    chunks = list(dict.fromkeys(_chunks(manifest, name, set())))
    styles = dict.fromkeys(url for chunk in chunks for url in manifest[chunk].get("css", ()))
    return Entry(
        scripts=(DIST_URL + manifest[name]["file"],),
        styles=tuple(DIST_URL + style for style in styles),
        preloads=tuple(DIST_URL + manifest[chunk]["file"] for chunk in chunks if chunk != name),
    )


def _chunks(manifest: Mapping[str, Any], name: str, seen: set[str]) -> Iterator[str]:
    """An entry and the chunks that it imports at once, those that others rely on first."""
    if name in seen:
        return
    seen.add(name)
    for imported in manifest[name].get("imports", ()):
        yield from _chunks(manifest, imported, seen)
    yield name
