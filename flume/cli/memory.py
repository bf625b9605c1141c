"""How much memory this process has and may have, as Linux tells it. Elsewhere nobody knows, and there is no bound."""

import os
from collections.abc import Iterable
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/memory.max")
MACHINE = Path("/proc/meminfo")
PROCESS = Path("/proc/self/statm")

SHARE = 0.75
"""Of what a container or machine has: the rest is for what is being done when the bound is reached, and for others."""


def resident_bytes() -> int:
    """The bytes of memory that this process has now; 0 if nobody knows."""
    try:
        pages = int(PROCESS.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory_bound(mebibytes: int | None, *, cgroup: Path = CGROUP, machine: Path = MACHINE) -> int:
    """The bytes beyond which no more runs are taken on: as the setting says, else `SHARE` of what there is. 0: no bound."""
    if mebibytes is not None:
        return mebibytes * 2**20
    return int(SHARE * min(_known(_container(cgroup), _total(machine)), default=0))


def _known(*sizes: int) -> Iterable[int]:
    return (size for size in sizes if size)


def _container(path: Path) -> int:
    """The bound of the container; 0 if there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _total(path: Path) -> int:
    """The memory of the machine; 0 if nobody knows."""
    try:
        lines = path.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
