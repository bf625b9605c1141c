"""``python docker/locked.py ROOT…``: the lines of ``requirements.lock`` that some packages need, for pip.

The lock holds what tests need too. An image gets the packages that are named, and what those need in turn by ``uv.lock``;
``flume`` stands for all that Flume itself declares. Versions and hashes stay those of the lock. Standard library alone: it runs
before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def needed(roots: Iterable[str], graph: Mapping[str, Iterable[str]]) -> set[str]:
    """The roots, and everything that they need by the graph. Raises `KeyError` for a root that is not in it."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def read_graph(lock: str) -> dict[str, list[str]]:
    """Which package needs which, by the text of ``uv.lock``. Markers are left to pip."""
    packages = tomllib.loads(lock)["package"]
    return {each["name"]: [needs["name"] for needs in each.get("dependencies", ())] for each in packages}


def read_blocks(lock: str) -> dict[str, str]:
    """The lines of each package in the text of ``requirements.lock``: version, marker and hashes."""
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    return {block.partition("==")[0]: block for block in blocks if "==" in block}


def main(roots: Iterable[str]) -> int:
    """Write the lines to standard output."""
    graph = read_graph((ROOT / "uv.lock").read_text())
    blocks = read_blocks((ROOT / "requirements.lock").read_text())
    unknown = sorted(set(roots) - set(graph))
    if unknown:
        sys.stderr.write(f"not in uv.lock: {', '.join(unknown)}; write the names as the lock does\n")
        return 2
    sys.stdout.write("".join(blocks[name] for name in sorted(needed(roots, graph)) if name in blocks))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
