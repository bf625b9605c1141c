"""What a webhook's request means to a pipeline: ``trigger.data`` and what stands beside it in ``trigger``.

Whether the caller may call at all is `eventing.signatures.authorize`, over the same `HookRequest`, and comes first.
"""

import re
from dataclasses import dataclass

from eventing.bodies import collect, read_body
from flume.errors import RequestError
from flume.pipeline import WebhookTrigger
from flume.values import BadValueError, JsonValue, check_value

_SECRET_WORD = re.compile(
    r"(?:^|[-_])(?:key|keys|auth|authentication|authorization|credential|credentials|hmac|jwt|session)(?:$|[-_])"
    r"|(?:token|apikey|secret|signature|passwd|password|cookie|cookie2)(?:$|[-_])"
)

_NO_SECRETS = frozenset({"idempotency-key"})


@dataclass(frozen=True, slots=True)
class HookRequest:
    """An HTTP request as it came in. ``query`` is decoded; header text is Latin-1, as HTTP servers give it; ``body`` is raw."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that was sent exactly once, else None: of two different values neither can be trusted."""
        wanted = name.lower()
        values = [value for key, value in self.headers if key.lower() == wanted]
        return values[0].strip() if len(values) == 1 else None


def trigger_data(request: HookRequest, trigger: WebhookTrigger | None = None) -> tuple[JsonValue, dict[str, JsonValue]]:
    """``trigger.data`` and the rest of ``trigger``: ``{method, path, query, headers}``.

    The data is what `eventing.bodies.read_body` makes of the body. In ``query`` a name sent once is text, one sent again
    a list. Header names are lower-case, repeated ones joined by commas; headers that may hold a secret are left out
    (`is_secret_header`, and the signature header of ``trigger``). Raises `flume.errors.RequestError` for a body that is
    not what its content type says, and for what a store could not hold.
    """
    data = read_body(request.header("content-type") or "", request.body)
    signature_header = trigger.header.lower() if trigger else ""
    detail: dict[str, JsonValue] = {
        "method": request.method.upper(),
        "path": request.path,
        "query": collect(request.query),
        "headers": _headers(request, signature_header),
    }
    try:
        check_value(detail)
    except BadValueError as error:
        raise RequestError(f"the request's {error}", code="bad-request", pointer=error.pointer) from error
    return data, detail


def is_secret_header(name: str) -> bool:
    """Whether a header's name says that its value is a secret, which must not get into runs.

    It does when one of its words, split at hyphens and underscores, is ``key``, ``auth``, ``authorization``, ``jwt`` and
    their like, or ends in ``token``, ``secret``, ``signature``, ``password``, ``apikey`` or ``cookie``. An
    ``Idempotency-Key`` is no secret.
    """
    lowered = name.lower()
    return lowered not in _NO_SECRETS and _SECRET_WORD.search(lowered) is not None


def _headers(request: HookRequest, signature_header: str) -> dict[str, JsonValue]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        if key == signature_header or is_secret_header(key):
            continue
        found[key] = f"{found[key]}, {value}" if key in found else value
    return dict(found)
