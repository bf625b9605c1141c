"""Takes what a broker could not deliver, with what Knative says of it (``knativeerrordest``, ``knativeerrorcode``).

An order fails its attempt so that it may be tried again; an answer is taken, since it came after all. Whoever sends either shows
the attempt's token in it, as everywhere.
"""

import logging
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.message_reading import attempt_in
from eventing.messages import INVOKE
from orchestrator.node_reports import NodeReports, is_report

logger = logging.getLogger(__name__)

_STATUS = re.compile(r"[1-9][0-9]{2}", re.ASCII)


class DeadLetters:
    """Takes dead letters about any attempt of this installation; others are told in the log, without their data."""

    def __init__(self, reports: NodeReports) -> None:
        self._reports = reports

    async def take(self, letter: CloudEvent) -> None:
        """Take one; it may come again.

        Raises `MalformedEventError` if it is not its attempt's or no order or answer, `StoreError` and `UnavailableError`.
        """
        await self.take_each((letter,))

    async def take_each(self, letters: Sequence[CloudEvent]) -> None:
        """Take all that can be taken, and only then raise the first `MalformedEventError`. Otherwise as `take`."""
        malformed: MalformedEventError | None = None
        for letter in letters:
            try:
                await self._take_ours(letter)
            except MalformedEventError as error:
                malformed = malformed or error
        strangers = [letter for letter in letters if not _is_ours(letter)]
        if strangers:
            _tell_dropped(strangers[0], len(strangers))
        if malformed is not None:
            raise malformed

    async def _take_ours(self, letter: CloudEvent) -> None:
        if letter.type == INVOKE:
            attempt = attempt_in(letter)
            self._reports.check_token(letter, attempt)
            await self._reports.fail(
                attempt, "undelivered", f"the order could not be delivered: {_what_happened(letter)}"
            )
        elif is_report(letter):
            await self._reports.take([letter])


def _is_ours(letter: CloudEvent) -> bool:
    return letter.type == INVOKE or is_report(letter)


def _tell_dropped(first: CloudEvent, count: int) -> None:
    """One line for all of a request: anyone may send them, and a line for each would let anyone fill the log."""
    facts = {"type": first.type[:200], "source": first.source[:200], "id": first.id[:200], "count": count}
    logger.warning("events that could not be delivered were dropped, the first of them this", extra=facts)


def _what_happened(letter: CloudEvent) -> str:
    """Who answered how. What it answered beside the status is left out: it may repeat what the order holds."""
    destination = _shown(letter.extensions.get("knativeerrordest", ""))
    code = letter.extensions.get("knativeerrorcode", "")
    return f"{destination} answered {code}" if _STATUS.fullmatch(code) else f"{destination} did not answer"


def _shown(destination: str) -> str:
    """An address without what may be secret in it, or the name that stands there for one."""
    try:
        parts = urlsplit(destination)
    except ValueError:
        return "its function"
    text = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else destination
    return text[:200] or "its function"
