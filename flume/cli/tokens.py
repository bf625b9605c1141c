"""Tokens of servers, kept between commands in the user's own configuration folder, one per address."""

import json
import os
from pathlib import Path

from flume.errors import RequestError


def tokens_file() -> Path:
    """Where tokens are kept."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "flume" / "tokens.json"


def stored_token(url: str, file: Path) -> str:
    """The token for a server, or the empty string."""
    return _read(file).get(url.rstrip("/"), "")


def store_token(url: str, token: str, file: Path) -> None:
    """Keep a token, readable by its owner alone. An empty token forgets the one that is kept."""
    tokens = _read(file)
    tokens.pop(url.rstrip("/"), None)
    if token:
        tokens[url.rstrip("/")] = token
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made anew beside the old one: there is no moment at which others could read it, or at which half of it is there.
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(tokens, opened, indent=2)
        fresh.replace(file)
    except OSError as error:
        raise RequestError(f"{file} can't be written: {error.strerror}") from error


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} can't be read: {error}", hint="mend or delete it, and log in again") from error
    return {str(url): str(token) for url, token in content.items()} if isinstance(content, dict) else {}
