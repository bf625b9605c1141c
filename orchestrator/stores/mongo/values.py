"""What single values are in MongoDB: ids, moments, and the JSON of pipelines.

JSON that belongs to users is kept as its text. MongoDB would misread keys with ``$`` or ``.`` in it, and its integers and
floats come back as other types; the text is what was given, and costs nothing to make, since a run holds it already.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import bson
import orjson
from bson import DatetimeMS, ObjectId
from bson.errors import InvalidId
from bson.raw_bson import RawBSONDocument

from flume.ids import Millis

Document: TypeAlias = dict[str, Any]

Key: TypeAlias = ObjectId | str

MAX_BYTES = 15 * 1024 * 1024
"""What one commit may write into a document; MongoDB takes 16 MiB of a whole one."""

COMMIT_TOO_LARGE = f"the commit is larger than the {MAX_BYTES // 1024**2} MiB that MongoDB holds in a document"


def to_key(id: str) -> Key:
    """The ``_id`` for an id: an ObjectId if it is 24 hexadecimal digits, else the text, which then finds nothing."""
    try:
        found = ObjectId(id)
    except InvalidId:
        return id
    return found if str(found) == id else id


def raw(document: Document) -> RawBSONDocument:
    """A document that is encoded once, and checked by that. Raises `BSONError`, `OverflowError` or `ValueError`."""
    return RawBSONDocument(bson.encode(document))


def bounded(document: Document) -> RawBSONDocument:
    """A document that is encoded once, and fits into one of MongoDB. Raises `BSONError`, `OverflowError` or `ValueError`."""
    encoded = raw(document)
    if len(encoded.raw) > MAX_BYTES:
        raise ValueError(COMMIT_TOO_LARGE)
    return encoded


def to_date(moment: int) -> DatetimeMS:
    """A date, exact to the millisecond. Raises `OverflowError` beyond 64 bits."""
    return DatetimeMS(moment)


def to_some_date(moment: int | None) -> DatetimeMS | None:
    """A date, or None for None."""
    return None if moment is None else DatetimeMS(moment)


def from_date(date: DatetimeMS) -> Millis:
    """The moment of a date."""
    return Millis(int(date))


def from_some_date(date: DatetimeMS | None) -> Millis | None:
    """The moment of a date, or None for None."""
    return None if date is None else Millis(int(date))


def to_json(value: object) -> str:
    """The JSON text of a value. Raises `TypeError` or `ValueError` for what is not JSON."""
    return orjson.dumps(value, default=_as_plain).decode()


def from_json(text: str) -> Any:
    """The value of a JSON text."""
    return orjson.loads(text)


def _as_plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")
