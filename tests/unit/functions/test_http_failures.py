"""What a failed HTTP exchange means: the reason that the system gave. Statuses and waits are in contract tests of the nodes."""

import errno
import socket
import ssl

import pytest

from functions.http_failures import reason_of


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


def not_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (untrusted(), "the certificate is not trusted: self-signed certificate"),
        (not_tls(), "no TLS: wrong version number"),
        (ssl.SSLError(1, "odd"), "no TLS: unknown reason"),
        (OSError("all attempts failed"), "all attempts failed"),
        (None, "client failed"),
    ],
)
def test_the_reason_is_the_system_s_own_however_deep_it_lies(cause: BaseException | None, reason: str) -> None:
    between = RuntimeError(str(cause) if cause else "client failed")
    between.__cause__ = cause

    assert reason_of(between) == reason
