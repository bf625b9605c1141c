"""Addresses of servers that this process runs. Apart from `flume.cli.serving`, since that loads the whole orchestrator."""

from http.client import HTTPConnection, HTTPException

from orchestrator.api.hosts import bracketed

EVERYWHERE = ("0.0.0.0", "::", "")
"""Addresses that mean all of a machine's; a link has to name one of them."""


def address_of(host: str, port: int) -> str:
    """The URL of a server that listens there."""
    return f"http://{'127.0.0.1' if host in EVERYWHERE else bracketed(host)}:{port}"


def who_listens(host: str, port: int) -> str:
    """What is known of the program that has the port, and what can be done; empty if nobody answers."""
    connection = HTTPConnection("127.0.0.1" if host in EVERYWHERE else host, port, timeout=1)
    try:
        connection.request("GET", "/openapi.json")
        is_flume = b'"title":"Flume"' in connection.getresponse().read(2000)
    # Whatever has the port may answer anything, or nothing.
    except (OSError, HTTPException):
        is_flume = False
    finally:
        connection.close()
    who = "another Flume" if is_flume else "another program"
    return f" ({who} has it); stop that one, or choose another port with --port"
