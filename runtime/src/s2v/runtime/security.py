"""TLS of the gRPC server and of NATS: certificates are files, read at the start. Addresses as they may be shown."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from s2v.runtime.errors import SetupError
from s2v.runtime.settings import RuntimeSettings


def server_credentials(settings: RuntimeSettings) -> grpc.ServerCredentials | None:
    """Returns what the gRPC server shows, and with `tls_client_ca` asks of callers (mTLS); None: no TLS.

    Errors: SetupError.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        if settings.tls_cert or settings.tls_key or settings.tls_client_ca:
            raise SetupError("TLS needs S2V_TLS_CERT and S2V_TLS_KEY; set both, or none of the S2V_TLS variables")
        return None
    pair = (_read(settings.tls_key), _read(settings.tls_cert))
    roots = _read(settings.tls_client_ca) if settings.tls_client_ca else None
    return grpc.ssl_server_credentials([pair], root_certificates=roots, require_client_auth=roots is not None)


def nats_context(settings: RuntimeSettings) -> ssl.SSLContext | None:
    """Returns how NATS is spoken to; None: as its URL says (tls:// trusts the system's authorities).

    Errors: SetupError.
    """
    if settings.nats_tls_ca is None and settings.nats_tls_cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.nats_tls_ca)
        if settings.nats_tls_cert is not None:
            context.load_cert_chain(settings.nats_tls_cert, settings.nats_tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"the certificates for NATS cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def shown(addresses: str) -> str:
    """Returns addresses, with commas between, as callers and logs may see them: without user and password."""
    return ",".join(_without_user(address) for address in addresses.split(","))


def _without_user(address: str) -> str:
    before, _, host = address.rpartition("@")
    scheme, mark, _ = before.partition("://")
    return f"{scheme}{mark}{host}" if mark else host


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
