"""What SQLite and the file system report, in Flume's errors: each says which file it is about and what a person can do."""

import errno
import sqlite3
from pathlib import Path
from typing import NoReturn

from flume.errors import FlumeError, StoreError, UnavailableError

_PRIMARY_CODE = 0xFF
"""SQLite's extended codes carry the plain one in their lowest byte."""

_ADVICE = {
    sqlite3.SQLITE_FULL: "can't grow: the disk is full; make room on it, nothing has to be restarted",
    sqlite3.SQLITE_READONLY: "can't be written to; give this process the right to write to the file and its folder",
    sqlite3.SQLITE_PERM: "can't be used; give this process the right to read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened; check that it is a file and that this process may write to its folder",
    sqlite3.SQLITE_CORRUPT: "is damaged; stop Flume and restore the file from a backup, or move it away to begin anew",
    sqlite3.SQLITE_NOTADB: "is not a Flume database, or is damaged; move it away to begin anew, or restore a backup",
    sqlite3.SQLITE_IOERR: "could not be read or written; check the disk",
}

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT}

_BAD_CONTENT = {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}


def code_of(error: sqlite3.Error) -> int:
    """SQLite's plain result code, or `SQLITE_ERROR` where the driver itself refused."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY_CODE


def is_about_content(error: Exception) -> bool:
    """Whether only what was to be written is at fault, and the store is well: too large, or not a value it can hold."""
    if isinstance(error, sqlite3.DataError | sqlite3.InterfaceError):
        return True
    if isinstance(error, sqlite3.Error):
        return code_of(error) in _BAD_CONTENT
    return isinstance(error, OverflowError | ValueError | TypeError)


def translated(error: Exception, path: Path) -> Exception:
    """The error to raise instead of one of SQLite's or the operating system's; any other is returned as it is."""
    if isinstance(error, FlumeError):
        return error
    if isinstance(error, OSError):
        return _of_file_system(error, path)
    if not isinstance(error, sqlite3.Error):
        return error
    code = code_of(error)
    if code in _PASSING:
        return UnavailableError(f"{path} is locked for a moment ({error}); try again")
    advice = _ADVICE.get(code, "failed; this is a fault of Flume, please report it")
    return StoreError(f"{path} {advice} ({error})")


def raise_translated(error: Exception, path: Path) -> NoReturn:
    """Raise what `translated` makes of an error, with the error as its cause."""
    better = translated(error, path)
    if better is error:
        raise error
    raise better from error


def _of_file_system(error: OSError, path: Path) -> StoreError:
    if error.errno in _NO_ROOM:
        return StoreError(f"{path} {_ADVICE[sqlite3.SQLITE_FULL]} ({error.strerror})")
    place = error.filename or path
    if isinstance(error, FileExistsError | NotADirectoryError):
        return StoreError(f"{place} can't be a data folder: a file is in the way; set FLUME_DATA to another folder")
    return StoreError(f"{place} can't be used: {error.strerror or error}; check the folder and its permissions")
