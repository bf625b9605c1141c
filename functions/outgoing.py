"""The guard on requests that leave the platform, and the HTTP client behind it.

Names are resolved here and the connection goes to the very address that was judged: a name whose answer changes between
the look and the connection gains nothing. Every redirect opens its connection through the same guard. Link-local and
metadata addresses are refused; loopback and private networks are not, since that is where pipelines find the services they
work with.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import httpcore
import httpx

from flume.errors import NodeError, SettingError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int, float], Awaitable[list[str]]]
"""Finds the addresses of a host for a port, within so many seconds."""

REFUSED_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.192/32",
        "224.0.0.0/3",
        "::/128",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Unspecified, link-local, multicast and reserved addresses, and those at which clouds serve credentials to their machines."""

METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
"""Names that clouds give to their metadata service, refused whatever they resolve to unless that is allowed by network."""

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ip_network("::/96")

CONNECT_TIMEOUT_S = 10.0
"""The most that resolving and connecting may take, however long the request may."""

MAX_IDLE_CONNECTIONS = 64


class AddressPolicy:
    """Which addresses may be connected to: ``allow`` overrules ``deny``, which adds to `REFUSED_NETWORKS`.

    Both are CIDR texts. Raises `SettingError` for one that is none.
    """

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self._allowed = _networks("FLUME_HTTP_ALLOW", allow)
        self._denied = (*REFUSED_NETWORKS, *_networks("FLUME_HTTP_DENY", deny))

    def permits(self, address: Address, host: str = "") -> bool:
        """Whether ``address`` may be connected to under the name ``host``.

        An IPv6 address that carries an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) is judged as both.
        """
        forms = _forms(address)
        if _is_within(forms, self._allowed):
            return True
        return host.lower().rstrip(".") not in METADATA_NAMES and not _is_within(forms, self._denied)


async def resolve(host: str, port: int, timeout_s: float) -> list[str]:
    """The addresses of a name or literal, in the order in which the system prefers them. Raises httpcore's errors."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"resolving {host} took too long") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} can't be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that the policy permits, and to no others. Raises `NodeError` for a refused one."""

    def __init__(self, policy: AddressPolicy, resolve: Resolve = resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first permitted address of ``host`` that answers, each given its share of ``timeout`` seconds."""
        ends = time.monotonic() + min(timeout or CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S)
        addresses = self._permitted(host, await self._resolve(host, port, ends - time.monotonic()))
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = max((ends - time.monotonic()) / left, 0.001)
            try:
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("a host without addresses does not resolve")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refused: nodes speak to the network."""
        raise NodeError("requests over Unix sockets are refused", code="address-refused", retryable=False)

    async def sleep(self, seconds: float) -> None:
        """Wait, as the pool asks between its attempts to connect."""
        await asyncio.sleep(seconds)

    def _permitted(self, host: str, addresses: Sequence[str]) -> list[str]:
        permitted = [address for address in addresses if self._policy.permits(ip_address(address), host)]
        if not permitted:
            raise NodeError(
                f"{host} is at an address that requests may not go to (link-local, cloud metadata or denied); "
                "whoever runs Flume can allow its network with FLUME_HTTP_ALLOW",
                code="address-refused",
                retryable=False,
            )
        return permitted


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over a connection pool whose connections all pass a `GuardedBackend`.

    The pool is keyed by name, so that a TLS connection verified for one name never serves another at the same address.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve = resolve) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls_context(),
            max_connections=None,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(policy, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; httpx exceptions and `NodeError` for a refused address come out."""
        outgoing = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx_errors():
            response = await self._pool.handle_async_request(outgoing)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors():
            async for chunk in self._response.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


def open_client(policy: AddressPolicy, resolve: Resolve = resolve) -> httpx.AsyncClient:
    """A client for one event loop: guarded, pooled, without cookies, proxies, redirects or a time-out of its own.

    Cookies would leak from one run into another; a proxy would connect where the guard can't look.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(policy, resolve),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
    )


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    """Reading the authorities takes tens of milliseconds; ``SSL_CERT_FILE`` is OpenSSL's own way to name others."""
    return httpx.create_ssl_context(trust_env=True)


def _networks(setting: str, texts: Iterable[str]) -> tuple[Network, ...]:
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip(), strict=False))
        except ValueError as error:
            raise SettingError(
                setting, f"'{text}' is not a network; write one such as 10.0.0.0/8 or fd00::/8"
            ) from error
    return tuple(networks)


def _is_within(forms: Iterable[Address], networks: Iterable[Network]) -> bool:
    return any(form in network for form in forms for network in networks if form.version == network.version)


def _forms(address: Address) -> tuple[Address, ...]:
    """The address itself and the IPv4 address it stands for or carries."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped, address)
    carried = [address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in (*_NAT64, _COMPATIBLE)) and int(address) > 1:
        carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *(each for each in carried if each is not None))


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    """Both libraries give their exceptions the same names, but httpx's callers only know its own."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
    except httpcore.UnsupportedProtocol as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
