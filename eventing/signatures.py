"""Whether the caller of a webhook is who its trigger wants. Every comparison with a secret takes constant time."""

import binascii
import hmac
import re
from base64 import b64decode
from hashlib import new as new_digest

from eventing.webhooks import HookRequest
from flume.pipeline import WebhookAuth, WebhookTrigger

ALGORITHMS = ("sha1", "sha256", "sha512")
"""Hash functions for HMAC signatures."""

_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)


def authorize(trigger: WebhookTrigger, request: HookRequest, secret: str | None) -> bool:
    """Whether ``request`` proves that its caller knows ``secret``, the value behind the trigger's secret name.

    Bearer: ``Authorization: Bearer SECRET``. Basic: the secret is ``user:password``. HMAC: the trigger's header holds the
    digest of the raw body, in hexadecimal or Base64, alone or behind ``ALGORITHM=``. A missing or repeated header, and a
    missing or empty secret, is False; without authentication everyone may call.
    """
    if trigger.auth is WebhookAuth.NONE:
        return True
    if not secret:
        return False
    match trigger.auth:
        case WebhookAuth.BEARER:
            return _is_bearer(request, secret)
        case WebhookAuth.BASIC:
            return _is_basic(request, secret)
        case WebhookAuth.HMAC:
            return _is_signed(trigger, request, secret)


def _is_bearer(request: HookRequest, secret: str) -> bool:
    return hmac.compare_digest(_bytes_of(_credentials(request, "bearer")), secret.encode())


def _is_basic(request: HookRequest, secret: str) -> bool:
    given = _from_base64(_credentials(request, "basic"))
    return hmac.compare_digest(given, secret.encode())


def _is_signed(trigger: WebhookTrigger, request: HookRequest, secret: str) -> bool:
    algorithm = trigger.algorithm.lower().replace("-", "")
    signature = request.header(trigger.header)
    if algorithm not in ALGORITHMS or not signature:
        return False
    right = hmac.digest(secret.encode(), request.body, algorithm)
    return hmac.compare_digest(_digest_in(signature, algorithm), right)


def _digest_in(signature: str, algorithm: str) -> bytes:
    """The digest that a signature header holds, empty when it holds none. Its length tells hexadecimal from Base64."""
    prefix = f"{algorithm}="
    text = signature[len(prefix) :] if signature.lower().startswith(prefix) else signature
    if len(text) == 2 * new_digest(algorithm).digest_size and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    return _from_base64(text)


def _credentials(request: HookRequest, scheme: str) -> str:
    given, _, credentials = (request.header("authorization") or "").partition(" ")
    return credentials.strip() if given.lower() == scheme else ""


def _from_base64(text: str) -> bytes:
    """What ``text`` encodes, in the usual or the URL alphabet, padded or not; empty when it is not Base64."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _bytes_of(header_text: str) -> bytes:
    """The bytes that came over the wire; header text is Latin-1."""
    return header_text.encode("latin-1", "backslashreplace")
