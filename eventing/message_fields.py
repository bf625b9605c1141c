"""Reads fields of what came from outside as what they have to be."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eventing.cloudevents import MalformedEventError, read_time
from flume.values import JsonObject

MAX_ATTEMPT = 2**31


def object_of(value: Any, name: str) -> JsonObject:
    """An object. Raises `MalformedEventError`, as all here do, naming the field and never its value."""
    if not isinstance(value, Mapping):
        raise MalformedEventError(f"{name} is not an object")
    return value


def list_of(value: Any, name: str) -> list[Any]:
    """An array."""
    if not isinstance(value, list):
        raise MalformedEventError(f"{name} is not an array")
    return value


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A text that is there, and is not empty."""
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedEventError(f"{name} is missing or not text")
    return value


def text_or_empty(values: JsonObject, name: str) -> str:
    """A text, empty if it is not there."""
    value = values.get(name, "")
    if not isinstance(value, str):
        raise MalformedEventError(f"{name} is not text")
    return value


def number_of(values: JsonObject, name: str, *, most: int = 10**12) -> int:
    """A whole number from 0 to ``most``."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise MalformedEventError(f"{name} is not a whole number from 0 to {most}")
    return value


def count_of(text: str, name: str) -> int:
    """A whole number that was written as text."""
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= MAX_ATTEMPT:
        raise MalformedEventError(f"{name} is not a whole number")
    return int(text)


def moment_of(values: JsonObject, name: str) -> datetime:
    """A moment, in UTC."""
    moment = read_time(text_of(values, name))
    if moment is None:
        raise MalformedEventError(f"{name} is not a moment such as 2026-11-24T09:00:00Z")
    return moment
