"""Where the text of a script comes from."""

from dataclasses import dataclass
from pathlib import Path

from flume.errors import NodeError

MAX_CODE = 1024**2
"""Characters of a script."""


@dataclass(frozen=True, slots=True)
class Source:
    """A script. Messages call it ``name``, tracebacks ``file``; ``folder`` is where the modules beside it lie."""

    code: str
    name: str = "the script"
    file: str = "<script>"
    folder: str | None = None


def read_source_file(file: str, root: Path) -> Source:
    """The script in ``file``, a path from the folder ``root``.

    Raises `NodeError` ``bad-input`` for a file that leads out of the folder, is too large, or can't be read.
    """
    top = root.resolve()
    path = (top / file).resolve()
    if not path.is_relative_to(top):
        raise _refused(
            file, "leads out of the working directory of the process that runs the node; use a path within it"
        )
    try:
        if path.stat().st_size > MAX_CODE:
            raise _refused(file, f"is larger than {MAX_CODE:,} bytes; move parts of it into modules beside it")
        code = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _refused(file, f"can't be read ({reason}); it is looked for from the working directory {top}") from error
    except UnicodeDecodeError as error:
        raise _refused(file, f"is not UTF-8 text at byte {error.start}") from error
    return Source(code, file, str(path), str(path.parent))


def _refused(file: str, reason: str) -> NodeError:
    return NodeError(f"/config/file: '{file}' {reason}", code="bad-input", retryable=False)
