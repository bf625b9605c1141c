"""Finds pipeline documents among files and folders."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")

_LEFT_OUT = frozenset({"node_modules", "__pycache__", "venv", "flume-data", "site-packages"})

_IS_PIPELINE = re.compile(
    rb"""^[\s{]*["']?kind["']?\s*:\s*["']?Pipeline\b|[{,]\s*["']?kind["']?\s*:\s*["']?Pipeline\b""", re.M
)


def is_pipeline_text(text: bytes) -> bool:
    """Whether a text means to be a pipeline: it names the kind, even if nothing else in it can be read."""
    return _IS_PIPELINE.search(text) is not None


def find_documents(paths: Iterable[Path]) -> list[Path]:
    """The files among ``paths``, and the pipeline documents in the folders among them, sorted within each folder."""
    found = [file for path in paths for file in ([path] if not path.is_dir() else _in_folder(path))]
    return list(dict.fromkeys(found))


def files_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Files with these suffixes in a folder and below it; hidden and generated folders are left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not is_left_out(each))
        for name in sorted(files):
            if name.endswith(suffixes) and not name.startswith("."):
                yield Path(place, name)


def is_left_out(name: str) -> bool:
    """Whether a folder of this name holds nothing that a person wrote."""
    return name.startswith(".") or name in _LEFT_OUT


def _in_folder(folder: Path) -> list[Path]:
    return [file for file in files_below(folder, SUFFIXES) if is_pipeline_text(_content(file))]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
