"""A wall clock that jumps: the machine's own, and beside it an offset in a file that another process may change at any moment.

Imports nothing of the tests, so that a replica can use it too.
"""

import mmap
import struct
import time
from pathlib import Path

_OFFSET = struct.Struct("<q")


class JumpingClock:
    """The offset in ``file``, which is made if it is not there; in milliseconds, at first 0."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(_OFFSET.pack(0))
        with file.open("r+b") as opened:
            # Read with each event of a run: a system call would cost more than what is tested.
            self._memory = mmap.mmap(opened.fileno(), _OFFSET.size)
        self.highest_ms = 0
        """The furthest that this process has set it."""

    def __call__(self) -> int:
        """The present moment in milliseconds since 1970, as a machine sees it whose clock is wrong by the offset."""
        (offset_ms,) = _OFFSET.unpack_from(self._memory)
        return time.time_ns() // 1_000_000 + int(offset_ms)

    def jump(self, offset_ms: int) -> None:
        """Be wrong by this from now on."""
        self.highest_ms = max(self.highest_ms, offset_ms)
        _OFFSET.pack_into(self._memory, 0, offset_ms)
