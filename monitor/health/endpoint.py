"""One port for machines: /metrics for Prometheus, /healthz and /readyz with reasons.

200 where it is live or ready, 503 where it is not; the body is the same JSON either way. Only GET;
connections are few and short-lived, since who scrapes or probes is one program of the operator's.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from monitor.health.health import Health

_READ_SECONDS = 5.0
_MOST_CONNECTIONS = 16
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"  # all our names are of the first format
_JSON = "application/json; charset=utf-8"


class Endpoint:
    """Serves from threads of its own until closed. Raises OSError where the port cannot be had.

    metrics: makes the exposition. health: the verdict of this moment; None: it is only played.
    follows: one that will be closed, and may have the same port at another address.
    """

    def __init__(
        self,
        address: str,
        port: int,
        metrics: Callable[[], bytes],
        health: Callable[[], Health] | None,
        follows: Endpoint | None = None,
    ) -> None:
        self._server = _Server((address, port), metrics, health)
        try:
            with _shared_port([self._server.socket, *([follows._server.socket] if follows else [])]):
                self._server.server_bind()
                self._server.server_activate()  # the kernel looks at the port once more
        except OSError:
            self._server.server_close()
            raise
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the port."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def _shared_port(sockets: list[socket.socket]) -> Iterator[None]:
    """Several sockets of ours, and of nobody else, may have one port while this lasts."""
    several = len(sockets) > 1
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, several)
    try:
        yield
    finally:
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _MOST_CONNECTIONS

    def __init__(
        self,
        place: tuple[str, int],
        metrics: Callable[[], bytes],
        health: Callable[[], Health] | None,
    ) -> None:
        self.metrics = metrics
        self.health = health
        self._slots = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(place, _Handler, bind_and_activate=False)

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """A bounded number at a time; who comes beyond is turned away."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """One connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """Who asked has gone; nobody else minds."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _READ_SECONDS
    server_version = "campuswatch"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, _EXPOSITION, self.server.metrics())
        elif path in ("/healthz", "/readyz") and self.server.health is not None:
            health = self.server.health()
            good = health.live if path == "/healthz" else health.ready
            body = json.dumps(health.told(), ensure_ascii=False).encode() + b"\n"
            self._answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, body)
        else:
            self._answer(HTTPStatus.NOT_FOUND, _JSON, b'{"problem": "/metrics, /healthz, /readyz"}\n')

    def log_message(self, format: str, *arguments: object) -> None:
        """Probes every few seconds are no news."""

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
