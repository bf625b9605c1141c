"""The partial output of a node on its way to whoever watches, without secrets.

A node tells it in pieces, and a secret may stand across two of them: what could be the beginning of one waits for what follows.
What comes out is the same however the text was cut.
"""

import re
from collections.abc import Collection, Iterator
from threading import Lock

from eventing.invocations import Reports
from eventing.node_logs import clean
from flume.expressions import MASK


class StreamMask:
    """Finds secrets in a text that is not whole yet. None of them is empty."""

    def __init__(self, secrets: Collection[str]) -> None:
        # The longest first, which is then found where several begin at one place.
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._secrets)))

    def mask(self, text: str) -> str:
        """The text with a mask in place of each secret."""
        return self._pattern.sub(MASK, text) if self._secrets else text

    def safe_length(self, text: str) -> int:
        """How much of the beginning can be masked now, whatever follows."""
        starts = sorted({start for secret in self._secrets for start in _unfinished(text, secret)})
        if not starts:
            return len(text)
        found = [match.span() for match in self._pattern.finditer(text)]
        return next((at for at in starts if not any(start < at < end for start, end in found)), len(text))


class NodeProgress:
    """The `flume.nodes.context.ProgressSink` of one attempt. Nodes write from any thread."""

    def __init__(self, reports: Reports, mask: StreamMask) -> None:
        self._reports = reports
        self._mask = mask
        self._lock = Lock()
        self._held = ""

    def __call__(self, text: str) -> None:
        """Take a piece."""
        with self._lock:
            waiting = self._held + clean(str(text))
            safe = self._mask.safe_length(waiting)
            self._held = waiting[safe:]
            self._tell(waiting[:safe])

    def end(self) -> None:
        """Nothing follows, so what was held back is told."""
        with self._lock:
            held, self._held = self._held, ""
            self._tell(held)

    def _tell(self, text: str) -> None:
        if text:
            self._reports.progress(self._mask.mask(text))


def _unfinished(text: str, secret: str) -> Iterator[int]:
    """Where the rest of ``text`` is a beginning of ``secret``, but not all of it."""
    start = text.find(secret[0], max(len(text) - len(secret) + 1, 0))
    while start >= 0:
        if secret.startswith(text[start:]):
            yield start
        start = text.find(secret[0], start + 1)
