"""What each dialect asks of an event.

An event without the attribute that a filter names does not match, and `Not` of that filter matches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flume.errors import ExpressionError
from flume.filters.cesql import Attributes, Evaluate
from flume.filters.cesql.values import to_text


class Filter(Protocol):
    """Tells which events are wanted."""

    def matches(self, attributes: Attributes) -> bool:
        """Whether an event with these attributes is wanted. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Each attribute has exactly this value."""

    wanted: Mapping[str, str]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return all(_text(attributes, name) == value for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class Prefix:
    """Each attribute begins with this text."""

    wanted: Mapping[str, str]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return all((_text(attributes, name) or "").startswith(value) for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class Suffix:
    """Each attribute ends with this text."""

    wanted: Mapping[str, str]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return all((_text(attributes, name) or "").endswith(value) for name, value in self.wanted.items())


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these filters matches; with none, every event is wanted."""

    filters: tuple[Filter, ...] = ()

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return all(each.matches(attributes) for each in self.filters)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these filters matches."""

    filters: tuple[Filter, ...]

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return any(each.matches(attributes) for each in self.filters)


@dataclass(frozen=True, slots=True)
class Not:
    """This filter does not match."""

    filter: Filter

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        return not self.filter.matches(attributes)


@dataclass(frozen=True, slots=True)
class Cesql:
    """The expression gives true. What it gives otherwise, or that it failed on this event, is no match, as in Knative."""

    text: str
    evaluate: Evaluate = field(repr=False, compare=False)

    def matches(self, attributes: Attributes) -> bool:
        """See `Filter.matches`."""
        try:
            return self.evaluate(attributes) is True
        except ExpressionError:
            return False


def _text(attributes: Attributes, name: str) -> str | None:
    value = attributes.get(name)
    return None if value is None else to_text(value)
