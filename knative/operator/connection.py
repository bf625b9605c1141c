"""How the cluster's API server is reached: by the pod's service account, or else by what ``KUBECONFIG`` names."""

import ssl
import tempfile
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import kopf

from flume.errors import SettingError


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server. ``headers`` say who calls, ``tls`` None: it speaks plain HTTP."""

    server: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None


def find_access() -> kopf.ConnectionInfo:
    """Where the API server is, and as whom to call it; read anew each time, since a pod's token is replaced every hour.

    Raises `SettingError` if nothing says it.
    """
    settings = kopf.OperatorSettings()
    try:
        found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    except (OSError, KeyError, kopf.LoginError) as error:
        raise SettingError("KUBECONFIG", f"expected a kubeconfig with a current context: {error!r}") from error
    if found is None or not found.server:
        raise SettingError(
            "KUBECONFIG", "expected the path of a kubeconfig, where the operator is not a pod of a cluster"
        )
    return found


def connection_to(access: kopf.ConnectionInfo) -> Connection:
    """What calls need to be made with. Raises `SettingError` for certificates that can't be read."""
    headers = {"Authorization": f"{access.scheme or 'Bearer'} {access.token}"} if access.token else {}
    if not access.server.startswith("https:"):
        return Connection(access.server, headers)
    try:
        return Connection(access.server, headers, _tls(access))
    except (OSError, ValueError) as error:
        raise SettingError("KUBECONFIG", f"expected certificates that can be read: {error}") from error


def _tls(access: kopf.ConnectionInfo) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=None if access.ca_path is None else _text(access.ca_path),
        cadata=None if access.ca_data is None else _decoded(access.ca_data).decode(),
    )
    # From Python 3.13 on, certificates of some clusters' own authorities would be refused for a missing extension, which no
    # other client of Kubernetes does. Chain, host name and dates are checked as before.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if access.certificate_path and access.private_key_path:
        context.load_cert_chain(_text(access.certificate_path), _text(access.private_key_path))
    elif access.certificate_data and access.private_key_data:
        # The library reads certificates of its own from files alone.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "client.pem"
            file.touch(mode=0o600)
            file.write_bytes(_decoded(access.private_key_data) + b"\n" + _decoded(access.certificate_data))
            context.load_cert_chain(file)
    return context


def _text(path: object) -> str:
    return path.decode() if isinstance(path, bytes) else str(path)


def _decoded(data: str | bytes) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return raw if raw.lstrip().startswith(b"-----BEGIN") else b64decode(raw)
