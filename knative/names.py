"""Names of objects: stable, readable, valid as DNS labels (RFC 1035), and never the same for two different things.

A name is the readable form of its parts. Where that could be read in two ways, or had to be changed or cut, a digest of the
parts follows.
"""

import re
from hashlib import sha256

MOST = 63
"""Characters of a DNS label."""

DIGEST = 10
"""Hexadecimal digits of a digest in a name."""

_LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_LIKE_A_DIGEST = re.compile(rf"-[0-9a-f]{{{DIGEST}}}\Z")


def object_name(kind: str, *parts: str, ending: str = "") -> str:
    """The name of an object: ``kind-part-ending``, such as ``fn-script-job``.

    ``kind`` and ``ending`` come from small fixed sets of words, so that one part alone is read back in one way only.
    """
    slugs = [_slug(part) for part in parts]
    readable = "-".join(filter(None, [kind, *slugs, ending]))
    is_plain = len(parts) == 1 and slugs[0] == parts[0] and not _LIKE_A_DIGEST.search(readable)
    if is_plain and len(readable) <= MOST and _LABEL.fullmatch(readable):
        return readable
    return with_digest(readable, digest_of(kind, *parts, ending))


def with_digest(readable: str, digest: str) -> str:
    """A readable name, cut if need be, and a digest behind it."""
    return f"{readable[: MOST - len(digest) - 1].rstrip('-')}-{digest}"


def digest_of(*parts: str) -> str:
    """A digest of texts in their order; where one ends and the next begins matters."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return sha256(text.encode()).hexdigest()[:DIGEST]


def label_value(text: str) -> str:
    """A text as the value of a label: as it is if it can be one, else readable and with a digest."""
    if re.fullmatch(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", text):
        return text
    return with_digest(_slug(text) or "x", digest_of(text))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
