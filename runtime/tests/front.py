"""A way to the real S3 on which a test may answer in its place, as S3 does when it is not well."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from s2v.runtime.settings import RuntimeSettings

Answer = Callable[[str, str, Mapping[str, str]], tuple[int, bytes] | None]
"""Answers a method, a path with its query, and headers; or lets S3 do so."""


def refusal(code: str) -> bytes:
    """What S3 says of a request that failed."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>not now</Message></Error>".encode()


@contextmanager
def in_front(settings: RuntimeSettings, answer: Answer) -> Iterator[RuntimeSettings]:
    """Yields settings that lead to S3 by this way."""
    behind = urlsplit(settings.s3_endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # a caller that hangs up is no fault of the test
                super().handle()

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = answer(self.command, self.path, dict(self.headers))
            if said is None:
                connection = http.client.HTTPConnection(behind)
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                status, data, headers = response.status, response.read(), dict(response.getheaders())
                connection.close()
            else:
                (status, data), headers = said, {"Content-Type": "application/xml"}
            self.send_response_only(status)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
            for name, value in headers.items():
                if name not in {"Content-Length", "Connection", "Transfer-Encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield settings.model_copy(update={"s3_endpoint": f"http://127.0.0.1:{server.server_port}"})
    finally:
        server.shutdown()
        server.server_close()
