"""Which lines a script may name as requirements, and which environment they make.

A line is a name with extras, versions and a marker (PEP 508). Options, addresses and paths are refused: they would let a
pipeline choose where packages come from, which is the operator's choice (pip's own configuration).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"""
    (?P<name>{_NAME}) \s*
    (?P<extras>\[ \s* {_NAME} (?: \s*,\s* {_NAME} )* \s* \])? \s*
    (?P<versions>{_VERSION} (?: \s*,\s* {_VERSION} )*)? \s*
    (?P<marker>; [\sA-Za-z0-9_.'"()<>=!~+*-]+)?
    """,
    re.VERBOSE | re.ASCII,
)
_MAX_LENGTH = 500


def normalize_requirement(line: str) -> str:
    """The line in the one way that means the same. Raises ValueError, with what is wrong, for what may not stand here."""
    text = line.strip()
    if refusal := _refusal(text):
        raise ValueError(f"{_shown(text)}: {refusal}")
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{_shown(text)} is not a requirement; write a name and versions, such as pillow or pillow>=11,<12"
        )
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    extras = sorted(re.findall(_NAME, match["extras"] or ""))
    versions = sorted(re.sub(r"\s", "", match["versions"] or "").split(",")) if match["versions"] else []
    marker = " ".join((match["marker"] or "").removeprefix(";").split())
    return name + (f"[{','.join(extras)}]" if extras else "") + ",".join(versions) + (f" ; {marker}" if marker else "")


def environment_key(requirements: Iterable[str], *circumstances: str) -> str:
    """The name of the environment of normalized requirements, whatever their order, under an interpreter and options."""
    parts = [*sorted(set(requirements)), "", *circumstances]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def last_lines(lines: Sequence[str], most: int) -> str:
    """The last lines that fit into so many characters, and at least a part of the very last one."""
    kept: list[str] = []
    for line in reversed(lines):
        if sum(map(len, kept)) + len(kept) + len(line) > most:
            break
        kept.insert(0, line)
    return "\n".join(kept) if kept else (lines[-1] if lines else "")[:most]


def _refusal(text: str) -> str:
    if not text:
        return "a requirement can't be empty; leave the line out"
    if len(text) > _MAX_LENGTH:
        return f"longer than {_MAX_LENGTH} characters"
    if text.startswith("-"):
        return "options of pip are not for a pipeline to set; the operator sets them in pip's configuration"
    if "://" in text or "@" in text:
        return "an address can't be required, only a package of the index; write a name and versions"
    if text.startswith((".", "/", "~")) or "/" in text or "\\" in text:
        return "a path can't be required, only a package of the index; write a name and versions"
    if "#" in text:
        return "a comment can't stand in a requirement; put it on a line of its own in the document"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
