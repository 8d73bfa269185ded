"""One POST to an address that a stranger has chosen: to public addresses only, over https, without redirects.

The name is resolved here, every address that it has must be public, and the connection goes to the very address that was checked:
a name that changes between check and use (DNS rebinding) gains nothing. Whoever answers slowly gains nothing either: a call has a
limit for all of it, after which the connection is closed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import aiohttp

from s2v.runtime.errors import InvalidInputError

URL_CHARACTERS = 2000
CALL_SECONDS = 15.0
"""Longest call, looking up the name and reading the answer included."""
CONNECT_SECONDS = 5.0
LOOKUPS = 16
"""Names that are looked up at once; threads of their own, so that slow name servers hold up nothing else."""
ANSWER_BYTES = 1024
"""What is read of an answer; nothing is made of it."""

_REFUSED = tuple(
    ipaddress.ip_network(net) for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")
)
"""IPv6 addresses in which an IPv4 address is hidden (::a.b.c.d, NAT64, 6to4, Teredo), and those of a site: none is taken."""


@dataclass(frozen=True)
class Answer:
    """What came of a POST."""

    status: int
    """HTTP status; 0: no answer."""
    error: str
    """What went wrong; empty: nothing."""


class BlockedError(Exception):
    """An address that must not be called."""


class Outbound:
    """Posts to webhooks."""

    def __init__(self, allowed_hosts: frozenset[str] = frozenset(), tls: ssl.SSLContext | None = None) -> None:
        """`allowed_hosts` may be called although they are private, and without TLS; for tests and closed networks.

        `tls` says which authorities are trusted; None: the system's.
        """
        self._allowed = allowed_hosts
        self._tls = tls
        self._lookups = ThreadPoolExecutor(LOOKUPS, "webhook-lookup")

    async def check(self, url: str) -> None:
        """Says whether an address may be called.

        Errors: InvalidInputError.
        """
        try:
            await self._look_up(self._parse(url))
        except BlockedError as error:
            raise InvalidInputError(f"the webhook cannot be used: {error}", reason="INVALID_URL", field="url") from error

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends a body; never raises, and has ended after CALL_SECONDS."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                parts = self._parse(url)
                status = await self._send(parts, await self._look_up(parts), body, headers)
        except BlockedError as error:
            return Answer(0, str(error))
        except TimeoutError:
            return Answer(0, f"it took longer than {CONNECT_SECONDS:g} s to connect or {CALL_SECONDS:g} s in all")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, f"{type(error).__name__}: {error}"[:300])
        if 200 <= status < 300:
            return Answer(status, "")
        if 300 <= status < 400:
            return Answer(status, "it answered with a redirect, and those are not followed; set up the new address")
        return Answer(status, f"it answered {status}")

    async def _send(self, parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Returns the status of the answer."""
        host, path = parts.hostname or "", parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        port = parts.port or (443 if parts.scheme == "https" else 80)
        place = f"[{address}]" if ":" in address else address
        async with (
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            ) as session,
            # The address that was checked is called, but the certificate must be that of the name.
            session.post(
                f"{parts.scheme}://{place}:{port}{target}",
                data=body,
                headers={**headers, "Host": parts.netloc},
                allow_redirects=False,
                ssl=True if self._tls is None else self._tls,
                server_hostname=host if parts.scheme == "https" else None,
            ) as answer,
        ):
            await answer.content.read(ANSWER_BYTES)
            return answer.status

    async def _look_up(self, parts: SplitResult) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._lookups, self._resolve, parts)

    def _parse(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BlockedError(f"it is no address: {error}") from error
        if len(url) > URL_CHARACTERS or not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
            raise BlockedError(f"an address has at most {URL_CHARACTERS} printable ASCII characters and no space")
        if not parts.hostname or parts.username is not None or parts.password is not None or port == 0:
            raise BlockedError("an address must name a host, and no user")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in self._allowed):
            raise BlockedError("only https is taken")
        return parts

    def _resolve(self, parts: SplitResult) -> str:
        """Returns the address to connect to; all that the name has must be public."""
        host = parts.hostname or ""
        try:
            found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise BlockedError(f"{host} does not resolve: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        if host not in self._allowed:
            for address in addresses:
                if not is_public(address):
                    raise BlockedError(f"{host} is {address}, which is not a public address")
        return addresses[0]


def is_public(address: str) -> bool:
    """Says whether an address belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in net for net in _REFUSED):
            return False
    return ip.is_global and not ip.is_multicast
