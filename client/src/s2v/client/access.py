"""Who calls, and over which TLS."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc


@dataclass(frozen=True)
class Access:
    """What a gateway may want to see. All of it may be empty, as for the embedded stack."""

    token: str = ""
    """API key or token of an OpenID provider."""
    tls: bool = False
    """Whether TLS is spoken; so it is with any of the following."""
    ca: bytes = b""
    """Authority that has signed the gateway's certificate, as PEM; empty: those that gRPC brings."""
    certificate: bytes = b""
    """The caller's own certificate, as PEM, for mTLS."""
    key: bytes = b""
    """Its key, as PEM."""

    @classmethod
    def from_environment(cls, *, plaintext: bool = False) -> Self:
        """Reads S2V_TOKEN or the file S2V_TOKEN_FILE, S2V_CLIENT_TLS=on, and the files S2V_CLIENT_CA, …_CERT and …_KEY.

        `plaintext`: the token alone, for a gateway on this machine that speaks no TLS. Errors: OSError.
        """
        token = os.environ.get("S2V_TOKEN") or _read("S2V_TOKEN_FILE").decode().strip()
        if plaintext:
            return cls(token)
        tls = os.environ.get("S2V_CLIENT_TLS", "") == "on"
        return cls(token, tls, _read("S2V_CLIENT_CA"), _read("S2V_CLIENT_CERT"), _read("S2V_CLIENT_KEY"))

    def open_channel(self, target: str, options: Sequence[tuple[str, int]]) -> grpc.aio.Channel:
        """Opens a channel to a gateway."""
        interceptors = [kind(self.token) for kind in _INTERCEPTORS] if self.token else []
        if not (self.tls or self.ca or self.certificate):
            return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
        credentials = grpc.ssl_channel_credentials(self.ca or None, self.key or None, self.certificate or None)
        return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)


class _Bearer:
    """Adds the token to a call. gRPC has a class for each form of call, all alike."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    async def _call(self, continuation: Callable[..., Awaitable[Any]], details: Any, request: Any) -> Any:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), self._header)
        return await continuation(details._replace(metadata=metadata), request)


class _UnaryUnary(_Bearer, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    intercept_unary_unary = _Bearer._call


class _UnaryStream(_Bearer, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc]
    intercept_unary_stream = _Bearer._call


class _StreamUnary(_Bearer, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[misc]
    intercept_stream_unary = _Bearer._call


_INTERCEPTORS = (_UnaryUnary, _UnaryStream, _StreamUnary)


def _read(variable: str) -> bytes:
    path = os.environ.get(variable)
    return Path(path).read_bytes() if path else b""
