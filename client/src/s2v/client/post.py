"""A file sent to S3 by one HTTP POST, as a browser sends a form: past the gateway, which looks at it afterwards."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import grpc

from s2v.client.errors import JobServiceError

TIMEOUT_SECONDS = 300.0
"""How long S3 may be silent."""
COPY_BYTES = 256 * 1024


def post_file(url: str, fields: Mapping[str, str], path: Path) -> None:
    """Sends a form with all `fields` and then the file; blocks until S3 has it.

    Errors: JobServiceError (UNAVAILABLE POST_FAILED: S3 does not answer; FAILED_PRECONDITION POST_REFUSED), OSError for the file.
    """
    boundary = secrets.token_hex(16)
    head = "".join(_part(boundary, name, "") + f"{value}\r\n" for name, value in fields.items())
    head += _part(boundary, "file", '; filename="file"')
    begin, end = head.encode(), f"\r\n--{boundary}--\r\n".encode()
    target = urlsplit(url)
    connect = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = connect(target.netloc, timeout=TIMEOUT_SECONDS)
    with path.open("rb") as file:
        length = path.stat().st_size
        try:
            connection.putrequest("POST", target.path or "/")
            connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
            connection.putheader("Content-Length", str(len(begin) + length + len(end)))
            connection.endheaders()
            connection.send(begin)
            while data := file.read(COPY_BYTES):
                connection.send(data)
            connection.send(end)
            answer = connection.getresponse()
            told = answer.read(2000).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise JobServiceError(
                grpc.StatusCode.UNAVAILABLE, "POST_FAILED", f"S3 at {target.netloc} did not take {path.name}: {error}; try again"
            ) from error
        finally:
            connection.close()
    if answer.status >= http.client.MULTIPLE_CHOICES:
        if place := answer.getheader("Location"):
            told = f"it is at {place}; tell the gateway so (S2V_S3_PUBLIC_ENDPOINT, S2V_S3_REGION). {told}"
        code = grpc.StatusCode.UNAVAILABLE if answer.status >= http.client.INTERNAL_SERVER_ERROR else None
        raise JobServiceError(
            code or grpc.StatusCode.FAILED_PRECONDITION,
            "POST_REFUSED",
            f"S3 at {target.netloc} refused {path.name} with {answer.status}: {told.strip()}; start the upload again",
        )


def _part(boundary: str, name: str, more: str) -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
