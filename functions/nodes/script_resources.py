"""What a script may take of the machine, as Kubernetes writes quantities."""

import re
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from flume.nodes import NodeConfig

DEFAULT_MEMORY = 1024**3
"""Bytes of memory that a script may take unless its config says otherwise."""

LEAST_MEMORY = 32 * 1024**2
"""Below that no interpreter starts."""

_CPU = re.compile(r"\d{1,6}(?:\.\d{1,3})?m?", re.ASCII)
_MEMORY = re.compile(r"(?P<number>\d{1,18}(?:\.\d{1,3})?)(?P<unit>[KMGT]i|[kMGT])?", re.ASCII)
_POWERS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_cores(value: object) -> float:
    """Processor cores: ``2``, ``0.5`` or ``500m``. Raises ValueError."""
    text = str(value)
    if isinstance(value, bool) or not _CPU.fullmatch(text):
        raise ValueError("expected an amount of CPU, for example 2, 0.5 or 500m")
    cores = float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)
    if cores <= 0:
        raise ValueError("an amount of CPU must be more than nothing")
    return cores


def parse_memory(value: object) -> int:
    """Bytes: ``256Mi``, ``1G`` or a number. Raises ValueError, also for less than `LEAST_MEMORY`."""
    match = _MEMORY.fullmatch(str(value))
    if isinstance(value, bool) or match is None:
        raise ValueError("expected an amount of memory, for example 512Mi or 2Gi")
    unit = match["unit"] or ""
    factor = (1024 if unit.endswith("i") else 1000) ** _POWERS[unit[0]] if unit else 1
    found = int(Decimal(match["number"]) * factor)
    if found < LEAST_MEMORY:
        raise ValueError(f"a script needs at least {LEAST_MEMORY // 1024**2}Mi of memory")
    return found


def format_memory(size: int) -> str:
    """Bytes in the largest unit that leaves a whole number, at least in Mi."""
    return f"{size // 1024**3}Gi" if size % 1024**3 == 0 else f"{size // 1024**2}Mi"


_Cores: TypeAlias = Annotated[float, BeforeValidator(parse_cores), WithJsonSchema({"type": ["string", "number"]})]
_Memory: TypeAlias = Annotated[int, BeforeValidator(parse_memory), WithJsonSchema({"type": ["string", "integer"]})]


class ScriptResources(NodeConfig):
    """``memory`` bounds each process of the script; ``cpu`` is in cores, and bounds the processor time up to the deadline."""

    cpu: _Cores | None = None
    memory: _Memory = DEFAULT_MEMORY
