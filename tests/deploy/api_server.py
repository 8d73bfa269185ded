"""The answers of an API server, over HTTP, for Kubernetes's real client.

No API server can be had where this is developed, so the answers are written by hand. What keeps them honest: each object is
checked against the strict schema of its Kubernetes version before it is served, and a path that no answer is written for is a
404 with Kubernetes's own Status, as with the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .models import check_foreign
from .test_schemas import check, schema

KUBERNETES = "1.34"
VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.1", "gitCommit": "0" * 40, "gitTreeState": "clean"}
VERSION |= {"buildDate": "2025-09-09T19:29:28Z", "goVersion": "go1.24.6", "compiler": "gc", "platform": "linux/amd64"}
TOKEN = "test-token"

Answer = dict[str, Any]


def failure(code: int, reason: str, message: str) -> Answer:
    """Kubernetes's answer to what it does not do."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message} | {
        "reason": reason,
        "code": code,
    }


def forbidden(what: str) -> Answer:
    return failure(403, "Forbidden", f'{what} is forbidden: User "dev" cannot list resource at the cluster scope')


def listed(kind: str, api_version: str, items: list[Answer]) -> Answer:
    """A list as the API server writes it: its items have neither kind nor version of their own."""
    return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": {"resourceVersion": "4711"}, "items": items}


def resources(group: str, version: str, kinds: list[str]) -> Answer:
    """What discovery says of a group."""
    names = [
        {"name": f"{kind.lower()}s", "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["list"]}
        for kind in kinds
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": names}


@dataclass
class ApiServer:
    """Answers by method and path."""

    answers: dict[str, Answer | str]
    """Objects, or plain texts of what is behind the proxy, by "GET /path"."""
    silent: set[str] = field(default_factory=set)
    """Paths that are never answered."""
    asked: list[str] = field(default_factory=list)
    bodies: list[Answer] = field(default_factory=list)
    """What was posted."""
    open: bool = False
    """Whether nobody is asked for a token: kubectl shows none without TLS."""
    port: int = 0

    def write_kubeconfig(self, path: Path, namespace: str = "s2v", token: str = TOKEN) -> Path:
        """Writes what kubectl would have."""
        cluster = {"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        user = {"name": "dev", "user": {"token": token}}
        context = {"name": "test", "context": {"cluster": "test", "user": "dev", "namespace": namespace}}
        tree = {"apiVersion": "v1", "kind": "Config", "current-context": "test", "clusters": [cluster], "users": [user]}
        path.write_text(yaml.safe_dump({**tree, "contexts": [context]}))
        return path


META = {"Status", "APIResourceList", "APIGroupList", "APIVersions"}
"""Kinds that are v1 on the wire, and kept under meta/v1 among the schemas."""


def prove(answer: Answer) -> None:
    """Checks an object that is served against the schema of its kind; a VersionInfo has no kind."""
    kind = answer.get("kind")
    if kind in META:
        validator = schema(kind, "meta/v1", KUBERNETES)
        assert validator is not None
        validator.validate(answer)
    elif kind == "ScaledObjectList":
        assert all(check_foreign(item) for item in answer["items"])
    elif kind is not None:
        check([answer], KUBERNETES)


@contextmanager
def serving(server: ApiServer) -> Iterator[ApiServer]:
    """Serves until the block ends."""
    for answer in server.answers.values():
        if not isinstance(answer, str):
            prove(answer)
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.bodies.append(body)
            check([body], KUBERNETES)
            self._answer("POST")

        def _answer(self, method: str) -> None:
            path = urlsplit(self.path).path
            server.asked.append(f"{method} {self.path}")
            if path in server.silent:
                ended.wait(30)
                self.close_connection = True
                return
            if not server.open and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                found: Answer | str = failure(401, "Unauthorized", "Unauthorized")
            else:
                found = server.answers.get(f"{method} {path}") or failure(
                    404, "NotFound", "the server could not find the requested resource"
                )
            text = found if isinstance(found, str) else json.dumps(found)
            code = found["code"] if isinstance(found, dict) and found.get("kind") == "Status" else 200
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        http.shutdown()
        http.server_close()
        thread.join()
