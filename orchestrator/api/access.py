"""Who may call, and with what: the rules of spec 10 as pure decisions over a request's head.

Listening on loopback is no protection by itself: any web page may send requests there. Therefore the name that was
called, the page that sends, and the type of a body are checked even where nobody needs a token.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from eventing.datarefs import PAYLOAD_MOST
from flume.errors import SettingError
from orchestrator.api.context import Caller, Role
from orchestrator.api.hosts import bracketed, is_loopback
from orchestrator.api.tokens import Token, find_token
from orchestrator.function_endpoints import PAYLOADS

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_DATA_BYTES = 8 * 1024 * 1024
LARGE_BODY_BYTES = 64 * 1024
"""Starts with a larger body are refused before it is read when there is no room for more runs."""

MAX_HEAD_BYTES = 64 * 1024
"""All headers of a request together."""

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
"""What anyone may read who can reach the server: whether it lives, and what its API looks like."""

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = (b"same-origin", b"none")
_SINGLE_HEADERS = frozenset(
    {
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"authorization",
        b"content-type",
        b"content-length",
        b"transfer-encoding",
        b"flume-attempt",
    }
)
_DATA_ENDS = ("/invoke", "/fire", ":test")
_STARTS = ("/invoke", "/fire", "/api/v1/runs")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    code: str
    detail: str
    hint: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The part of a request that is known before its body. ``headers`` are those the rules ask for, by lower-case name."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    client: str = ""

    @property
    def is_hook(self) -> bool:
        """Whether a pipeline's own trigger decides who may call."""
        return self.path.startswith("/hooks/")

    @property
    def is_event_address(self) -> bool:
        """Whether events are taken there, some of which carry a token of their own."""
        return self.path == "/events" or self.path.startswith("/events/")

    @property
    def is_large_start(self) -> bool:
        """Whether it starts a run by a body that is better not read while there is no room for a run."""
        if not (self.path.endswith(_STARTS) or self.path.startswith("/hooks/")) or not self.has_body:
            return False
        length = self.headers.get(b"content-length", b"")
        return not length.isdigit() or int(length[:20]) > LARGE_BODY_BYTES

    @property
    def is_exchange(self) -> bool:
        """Whether a function fetches or keeps data of its attempt, for which it shows the attempt's own token."""
        return self.path.startswith(PAYLOADS) and b"flume-attempt" in self.headers

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return b"transfer-encoding" in self.headers or self.headers.get(b"content-length", b"0") != b"0"

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Access:
    """What the operator decided about callers.

    ``hosts`` are the names under which the server may be called, IPv6 addresses in brackets. ``takes_addresses`` lets
    any IP address stand for a name: no page can make a browser send one that it was not loaded from. ``events_are_open``
    takes external events from anyone.
    """

    tokens: tuple[Token, ...] = field(default=(), repr=False)
    requires_token: bool = False
    hosts: frozenset[str] = LOCAL_HOSTS
    takes_addresses: bool = False
    public_url: str = ""
    events_are_open: bool = False


def access_for(
    *,
    listen_host: str,
    tokens: tuple[Token, ...] = (),
    is_open: bool = False,
    public_url: str = "",
    allowed_hosts: Iterable[str] = (),
    events_are_open: bool = False,
) -> Access:
    """The access to a server that listens on ``listen_host``.

    Whoever sets tokens wants them asked for, on loopback too; ``is_open`` lets everyone in. Raises `SettingError` for a
    server beyond loopback with neither.
    """
    if not (tokens or is_open or is_loopback(listen_host)):
        raise SettingError(
            "FLUME_API_TOKEN",
            f"the server would listen on {listen_host}, where others can reach it; set tokens, or FLUME_AUTH=none",
        )
    hosts = {bracketed(host.lower()) for host in (listen_host, *allowed_hosts)}
    public_host = urlsplit(public_url).hostname if public_url else None
    if public_host:
        hosts.add(bracketed(public_host))
    return Access(
        tokens=tokens,
        requires_token=bool(tokens) and not is_open,
        hosts=LOCAL_HOSTS | hosts,
        takes_addresses=listen_host in ("0.0.0.0", "::", ""),
        public_url=public_url.rstrip("/"),
        events_are_open=events_are_open,
    )


def read_head(
    method: str, path: str, headers: Iterable[tuple[bytes, bytes]], client: str = ""
) -> RequestHead | Refusal:
    """What the rules need of a request. A header that decides about access may stand there once only."""
    found: dict[bytes, bytes] = {}
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + 4
        if name in _SINGLE_HEADERS:
            if name in found:
                return Refusal(400, "repeated-header", f"the header {name.decode()} was sent twice")
            found[name] = value
    if size > MAX_HEAD_BYTES:
        detail = f"the headers are larger than {MAX_HEAD_BYTES:,} bytes"
        return Refusal(431, "headers-too-large", detail, headers=(("Connection", "close"),))
    return RequestHead(method, path, found, client)


def admit(access: Access, head: RequestHead) -> Caller | Refusal:
    """Who is calling, or why the request is refused."""
    return (
        _refuse_host(access, head)
        or _refuse_foreign_page(access, head)
        or _refuse_body(head)
        or _identify(access, head)
    )


def refuse_sender(caller: Caller, path: str) -> Refusal | None:
    """Why a caller may not send external events, or None: it takes a token of role edit, unless they are open to anyone."""
    if caller.role >= Role.EDIT:
        return None
    if caller.name:
        return Refusal(403, "forbidden", "a token of role view can't send events")
    hint = "send a token of role edit as Authorization: Bearer TOKEN"
    if path != "/events":
        hint += ", or the pipeline's key as ?key=; `flume describe trigger` shows it"
    challenge = (("WWW-Authenticate", 'Bearer realm="flume"'),)
    return Refusal(401, "unauthorized", "this server wants to know who sends events", hint, challenge)


def body_limit(head: RequestHead) -> int:
    """The largest body that may follow, in bytes."""
    path = head.path
    if head.is_exchange:
        return PAYLOAD_MOST
    takes_data = path.endswith(_DATA_ENDS) or path.startswith(("/hooks/", "/events")) or path == "/api/v1/runs"
    return MAX_DATA_BYTES if takes_data else MAX_DOCUMENT_BYTES


def is_json_type(media_type: str) -> bool:
    """Whether a content type says JSON."""
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def knows_host(access: Access, host: str) -> bool:
    """Whether the server may be called under the name that a ``Host`` header gives."""
    text = host.lower()
    if text in access.hosts:
        return True
    match = _HOST.fullmatch(text)
    if match is None:
        return False
    name = match.group(1)
    return name in access.hosts or (access.takes_addresses and _is_address(name))


def _refuse_host(access: Access, head: RequestHead) -> Refusal | None:
    text = head.headers.get(b"host", b"").decode("latin-1").lower()
    if knows_host(access, text):
        return None
    hint = "name it in FLUME_ALLOWED_HOSTS if this server is meant"
    return Refusal(421, "unknown-host", f"this server is not known as '{text[:100]}'", hint)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _refuse_foreign_page(access: Access, head: RequestHead) -> Refusal | None:
    """Refuse what a page of another origin sends; anything that is no browser sends neither header."""
    if head.method in _SAFE_METHODS or head.is_hook:
        return None
    site = head.headers.get(b"sec-fetch-site")
    origin = head.headers.get(b"origin")
    if (site is None or site in _OWN_SITES) and (origin is None or _is_own_origin(access, head, origin)):
        return None
    return Refusal(403, "foreign-origin", "a web page of another origin may not call this")


def _is_own_origin(access: Access, head: RequestHead, origin: bytes) -> bool:
    text = origin.decode("latin-1").lower()
    scheme, separator, authority = text.partition("://")
    if separator and scheme in ("http", "https") and authority == head.headers[b"host"].decode("latin-1").lower():
        return True
    return bool(access.public_url) and text == _origin_of(access.public_url)


def _origin_of(url: str) -> str:
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc}"


def _refuse_body(head: RequestHead) -> Refusal | None:
    if not head.has_body:
        return None
    length = head.headers.get(b"content-length", b"")
    limit = body_limit(head)
    if length.isdigit() and int(length[:20]) > limit:
        detail = f"the body is larger than the limit of {limit:,} bytes"
        return Refusal(413, "too-large", detail, headers=(("Connection", "close"),))
    if not head.path.startswith("/api/"):
        return None
    media_type = head.media_type
    takes_yaml = head.path.startswith("/api/v1/pipelines") and not head.path.endswith("/invoke")
    if is_json_type(media_type) or (takes_yaml and media_type in YAML_TYPES):
        return None
    wanted = "application/json or application/yaml" if takes_yaml else "application/json"
    given = f"'{media_type[:60]}'" if media_type else "no content type"
    return Refusal(415, "bad-content-type", f"the body has {given}", f"send it with Content-Type: {wanted}")


def _identify(access: Access, head: RequestHead) -> Caller | Refusal:
    anyone = Caller("", Role.ADMIN, None, head.client)
    if head.is_hook or head.path in OPEN_PATHS or not access.tokens:
        return anyone
    if head.is_exchange:
        # It goes to who checks the attempt's token, and nowhere else.
        return Caller("", Role.NONE, None, head.client)
    if head.is_event_address:
        return _sender(access, head)
    shown = head.headers.get(b"authorization")
    if shown is None:
        if not access.requires_token:
            return anyone
        return _unauthorized("this server wants a token", 'Bearer realm="flume"')
    token = _token_in(access, shown)
    if token is None:
        return _unauthorized("this token is not known here", 'Bearer realm="flume", error="invalid_token"')
    if token.role < _needed_role(head):
        return Refusal(403, "forbidden", f"a token of role {token.role.name.lower()} can't change anything")
    return Caller(token.name, token.role, token.namespaces, head.client)


def _sender(access: Access, head: RequestHead) -> Caller:
    """Who sends events. None is refused before the events are known: they, or the address, may hold a proof of their own.

    A token that is not ours is none: eventing on a cluster sends one that is meant for others.
    """
    token = _token_in(access, head.headers.get(b"authorization", b""))
    role = Role.NONE if access.requires_token and not access.events_are_open else Role.EDIT
    if token is None:
        return Caller("", role, None, head.client)
    return Caller(token.name, max(role, token.role), token.namespaces, head.client)


def _token_in(access: Access, shown: bytes) -> Token | None:
    scheme, _, given = shown.partition(b" ")
    return find_token(access.tokens, given.strip()) if scheme.lower() == b"bearer" else None


def _unauthorized(detail: str, challenge: str) -> Refusal:
    hint = "send it as Authorization: Bearer TOKEN; commands take it from FLUME_TOKEN"
    return Refusal(401, "unauthorized", detail, hint, (("WWW-Authenticate", challenge),))


def _needed_role(head: RequestHead) -> Role:
    """Validating changes nothing, though it is sent with POST."""
    return Role.VIEW if head.method in _SAFE_METHODS or head.path.endswith(":validate") else Role.EDIT
