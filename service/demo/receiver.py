"""A receiver of alerts on loopback: what an operator's chat would have shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

BODY_BYTES_MAX: Final = 1_000_000


class Receiver:
    """Takes every notification, and remembers it once however often it was sent."""

    def __init__(self) -> None:
        self._by_key: dict[str, Mapping[str, Any]] = {}
        self._shown = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def channel(self) -> str:
        """The channel's URL, as the service's settings name it."""
        return f"webhook+http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def told(self, alert_id: str, status: str) -> Sequence[Mapping[str, Any]]:
        """The notifications of an alert that said `firing` or `resolved`."""
        with self._lock:
            return [
                each for each in self._by_key.values() if (each["id"], each["status"]) == (alert_id, status)
            ]

    def news(self) -> Sequence[Mapping[str, Any]]:
        """What came since the last look."""
        with self._lock:
            found = list(self._by_key.values())[self._shown :]
            self._shown = len(self._by_key)
        return found

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self._by_key)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _take(self, key: str, body: bytes) -> None:
        content = json.loads(body)
        with self._lock:
            self._by_key.setdefault(key or f"{content['id']}/{content.get('sequence')}", content)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            """One notification."""

            def do_POST(self) -> None:
                """Take it and say so."""
                length = min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)
                take(self.headers.get("webhook-id", ""), self.rfile.read(length))
                self.send_response(HTTPStatus.NO_CONTENT)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - inherited
                """Say nothing: the story is told elsewhere."""

        return Handler
