"""Which server a command talks to, and with which token."""

from flume.cli.client import Client
from flume.cli.settings import read_settings
from flume.cli.tokens import stored_token, tokens_file


def connect(server: str | None, namespace: str = "default") -> Client:
    """A client of the server that was named, or else of ``ENGINE_URL``, with ``FLUME_TOKEN`` or the token of `flume login`."""
    settings = read_settings()
    url = (server or settings.engine_url).rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    return Client(url, token=settings.token or stored_token(url, tokens_file()), namespace=namespace)
