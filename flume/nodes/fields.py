"""Field types for ``Config`` and ``Input`` classes beyond pydantic's own."""

from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from flume.durations import EXPECTED, parse_duration


def _as_timedelta(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(value)


Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_as_timedelta),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*(P[0-9WDTHMS.]+|[0-9.]+|([0-9.]+(ms|s|m|h|d))+)\s*$"},
                {"type": "number", "minimum": 0},
            ],
            "description": EXPECTED,
        }
    ),
]
"""A duration as pipelines write it (``30s``, ``PT1H``, a number of seconds), as a timedelta."""
