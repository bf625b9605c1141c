"""``flume login``: a token is tried and then kept."""

import getpass
import sys

from flume.cli.client import Client
from flume.cli.connecting import connect
from flume.cli.printing import say
from flume.cli.tokens import store_token, tokens_file
from flume.errors import RequestError


def log_in(server: str | None, *, forget: bool = False) -> None:
    """Keep a token for a server, or forget it. Raises `ServerError` for one that the server does not take."""
    with connect(server) as client:
        url = client.url
    file = tokens_file()
    if forget:
        store_token(url, "", file)
        say(f"the token for {url} is forgotten")
        return
    token = getpass.getpass(f"token for {url}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise RequestError("there is no token on the standard input")
    with Client(url, token=token.strip()) as client:
        client.get("/api/v1/pipelines", limit=1)
    store_token(url, token.strip(), file)
    say(f"logged in to {url}; the token is kept in {file}")
