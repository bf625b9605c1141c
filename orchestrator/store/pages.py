"""Lists in parts."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list. ``cursor`` None: nothing follows."""

    items: tuple[T, ...]
    cursor: str | None
