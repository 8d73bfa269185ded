"""One POST to an address that a stranger has chosen: to public addresses only, over https, without redirects.

The name is resolved here, every address that it has must be public, and the connection goes to the very address that was checked:
a name that changes between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import urllib3

from s2v.runtime.errors import InvalidInputError

URL_CHARACTERS = 2000
TIMEOUT = urllib3.Timeout(connect=5, read=10)
"""Seconds."""
ANSWER_BYTES = 1024
"""What is read of an answer; nothing is made of it."""

_TRANSLATED = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""IPv6 addresses in which an IPv4 address is hidden (NAT64, 6to4, Teredo): none is taken."""


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

    def __init__(self, allowed_hosts: frozenset[str] = frozenset()) -> None:
        """`allowed_hosts` may be called although they are private, and without TLS; for tests and closed networks."""
        self._allowed = allowed_hosts

    async def check(self, url: str) -> None:
        """Says whether an address may be called.

        Errors: InvalidInputError.
        """
        try:
            await asyncio.to_thread(self._resolve, self._parse(url))
        except BlockedError as error:
            raise InvalidInputError(f"the webhook cannot be used: {error}", reason="INVALID_URL", field="url") from error

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sends a body; never raises."""
        return await asyncio.to_thread(self._post, url, body, headers)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            parts = self._parse(url)
            address = self._resolve(parts)
        except BlockedError as error:
            return Answer(0, str(error))
        host, path = parts.hostname or "", parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        sent = {**headers, "Host": parts.netloc.rpartition("@")[2]}
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                address, parts.port or 443, timeout=TIMEOUT, retries=False, server_hostname=host, assert_hostname=host
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=TIMEOUT, retries=False)
        try:
            with pool:
                answer = pool.urlopen("POST", target, body, sent, redirect=False, preload_content=False)
                answer.read(ANSWER_BYTES)
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(0, f"{type(error).__name__}: {error}"[:300])
        if 200 <= answer.status < 300:
            return Answer(answer.status, "")
        if 300 <= answer.status < 400:
            return Answer(answer.status, "it answered with a redirect, and those are not followed; set up the new address")
        return Answer(answer.status, f"it answered {answer.status}")

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
        if any(ip in net for net in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast
