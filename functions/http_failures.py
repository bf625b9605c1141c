"""What a failed HTTP exchange means, whichever client met it: may another attempt help, how soon, and what the system said."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER = timedelta(hours=1)

_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})


def is_transient(status: int) -> bool:
    """Whether another attempt may succeed after this status."""
    return status in _TRANSIENT_STATUSES or status >= 500


def retry_after(text: str, now: datetime) -> timedelta | None:
    """What a ``Retry-After`` field asks for: seconds or a date, from 0 to `MAX_RETRY_AFTER`. None if it says nothing readable."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), MAX_RETRY_AFTER)


def reason_of(error: BaseException) -> str:
    """The first cause that the system gave, such as "Connection refused"; certificates and names included."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            # Its number is OpenSSL's, not the system's.
            return _tls_reason(cause)
        if isinstance(cause, OSError) and cause.errno is not None:
            # asyncio puts the address in the place of the system's text; the resolver's own numbers are negative.
            return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or "unknown name"
        cause = cause.__cause__ or cause.__context__
    return str(error) or "no address answered"


def _tls_reason(error: ssl.SSLError) -> str:
    """OpenSSL's words; an error that Python itself made lacks them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {getattr(error, 'verify_message', error)}"
    words = getattr(error, "reason", None) or "unknown reason"
    return f"no TLS: {words.replace('_', ' ').lower()}"
