"""Where the values of secrets come from: variables ``FLUME_SECRET_NAME`` and the files of a folder; the same in every process."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flume.errors import SettingError

if TYPE_CHECKING:
    from flume.nodes.types import NodeType

SECRET_PREFIX = "FLUME_SECRET_"
MIN_SECRET_LENGTH = 6
"""A shorter secret could not be masked without masking ordinary text."""

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def read_secret_values(environment: Mapping[str, str], folder: Path | None) -> dict[str, str]:
    """Secrets by name; of a variable and a file of one name, the variable counts.

    Raises `SettingError` for a folder that is none, a name that templates could not use, and a value too short to be masked.
    """
    found = {} if folder is None else _read_folder(folder)
    for name, value in environment.items():
        if name.startswith(SECRET_PREFIX):
            found[name.removeprefix(SECRET_PREFIX)] = value
    for name, value in found.items():
        if not is_secret_name(name):
            raise SettingError(f"secret {name}", "expected a name of letters, digits and _ that begins with no digit")
        if len(value) < MIN_SECRET_LENGTH:
            raise SettingError(f"secret {name}", f"expected at least {MIN_SECRET_LENGTH} characters")
    return found


def is_secret_name(text: str) -> bool:
    """Whether templates could speak of a secret by this name."""
    return _SECRET_NAME.match(text) is not None


def secrets_for(types: Iterable["NodeType"], secrets: Mapping[str, str]) -> dict[str, str]:
    """Of all ``secrets``, those for a process that serves these types: what at least one of them names."""
    served = tuple(types)
    return {name: value for name, value in secrets.items() if any(each.may_use_secret(name) for each in served)}


def _read_folder(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise SettingError("FLUME_SECRETS_DIR", f"there is no folder '{folder}'")
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("."))
    return {path.name: path.read_text().rstrip("\n") for path in files}
