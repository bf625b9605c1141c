"""The tokens of ``FLUME_API_TOKEN``: what each may do, and which one a caller has shown."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from flume.errors import SettingError
from orchestrator.api.context import NAMESPACE_PATTERN, Role

VARIABLE = "FLUME_API_TOKEN"

_ROLES = {"view": Role.VIEW, "edit": Role.EDIT, "admin": Role.ADMIN}

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""What RFC 6750 lets a Bearer token hold; a colon is not in it, so that bindings can't be mistaken for a token."""

_NAMESPACE = re.compile(NAMESPACE_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token lets its bearer do; the token itself is kept as a digest. ``namespaces`` None means all of them."""

    name: str
    digest: bytes = field(repr=False)
    role: Role = Role.ADMIN
    namespaces: frozenset[str] | None = None


def parse_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a setting: ``token`` or ``token:namespace,…:view|edit|admin``, separated by blanks.

    A binding to ``*`` limits the role and no namespaces, a token without binding is an administrator's.
    Tokens are named by their place (``token-1``), since nothing that follows from the token itself may get into a log.
    Raises `SettingError`, which never shows a token.
    """
    return tuple(_parse(entry, f"token-{place}") for place, entry in enumerate(text.split(), start=1))


def find_token(tokens: Sequence[Token], given: bytes) -> Token | None:
    """The token that was given. Takes the same time whichever it is, and whether it is one at all."""
    digest = sha256(given).digest()
    found: Token | None = None
    for token in tokens:
        if hmac.compare_digest(digest, token.digest):
            found = token
    return found


def _parse(entry: str, name: str) -> Token:
    token, *binding = entry.split(":")
    if not _TOKEN.fullmatch(token):
        raise SettingError(VARIABLE, f"{name} may hold only letters, digits and - . _ ~ + / with = at the end")
    digest = sha256(token.encode()).digest()
    if not binding:
        return Token(name, digest)
    if len(binding) != 2 or binding[1] not in _ROLES:
        raise SettingError(VARIABLE, f"{name} is bound wrongly; expected token:namespace,…:view, :edit or :admin")
    if binding[0] == "*":
        return Token(name, digest, _ROLES[binding[1]])
    namespaces = frozenset(binding[0].split(","))
    if not all(_NAMESPACE.fullmatch(namespace) for namespace in namespaces):
        raise SettingError(VARIABLE, f"{name} names a namespace that can't be one; use lower-case letters, digits, -")
    return Token(name, digest, _ROLES[binding[1]], namespaces)
