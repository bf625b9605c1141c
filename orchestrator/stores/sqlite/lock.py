"""The lock on a data folder: one process at a time uses what is in it.

The operating system holds the lock and lets go of it when the process dies, however it dies. The pid in the lock file
only tells people who holds it; a file that is left over locks nothing.
"""

import fcntl
import os
from pathlib import Path

from flume.errors import StoreError

LOCK_FILE = "flume.lock"


class FolderLock:
    """An exclusive lock on a folder, held from construction until `release`.

    Raises `StoreError` if another process holds it, `OSError` if the lock file can't be used.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(self._file, folder)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)
        except (OSError, StoreError):
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let another process have the folder."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(file, 32, 0).decode("ascii", "replace").strip()
        raise StoreError(
            f"the data folder {folder} is in use by {f'process {holder}' if holder else 'another process'}; "
            "stop it, or set FLUME_DATA to another folder"
        ) from error
