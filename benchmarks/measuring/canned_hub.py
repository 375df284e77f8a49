"""A hub that answers one organization's list of synced records, made up as it goes, as fast as may be.

    python -m benchmarks.measuring.canned_hub PORT RECORDS

`GET /changed` makes one record in a hundred newer from then on.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

PAGE = re.compile(rb"GET (\S*accounting-synced-records[^\s/]*) ")
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
ONE = re.compile(rb"GET \S*accounting-synced-records/(\S+) ")


def record_id(number: int) -> str:
    """Tell the id of a record by its number."""
    return f"{number:08x}-0000-4000-8000-000000000001"


def record(number: int, *, is_changed: bool) -> str:
    """Write a record as the hub does."""
    minute, second = divmod(number % 3_600, 60)
    hour = number // 3_600 % 24
    day = 1 + number // 86_400
    at = f"2026-10-{day + 20 * is_changed:02}T{hour:02}:{minute:02}:{second:02}+00:00"
    return (
        f'{{"id":"{record_id(number)}","created_at":"{at}","updated_at":"{at}",'
        f'"object_id":"{number:08x}-0000-4000-8000-000000000002","object_type":"receivable",'
        f'"object_updated_at":"{at}",'
        f'"errors":{{}},"last_pulled_at":null,"platform":"xero",'
        f'"platform_object_id":"{"n" * is_changed}{number}",'
        f'"platform_updated_at":"{at}","provider":"codat",'
        f'"provider_object_id":"{number}","provider_updated_at":"{at}","sync_status":"done"}}'
    )


class Answerer(asyncio.Protocol):
    """One connection."""

    records = 0
    is_changed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport = cast("asyncio.Transport", transport)
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is there; of one with a body the head may come first."""
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and len(body) >= (int(length[1]) if length else 0):
            self._held = b""
            self._answer(head)

    def _answer(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            body = '{"access_token":"t","token_type":"bearer","expires_in":86400}'
        elif data.startswith(b"GET /changed "):
            Answerer.is_changed, body = True, "{}"
        elif found := ONE.match(data):
            number = int(found[1][:8], 16)
            body = record(number, is_changed=self._changed(number))
        elif found := PAGE.match(data):
            query = parse_qs(urlsplit(found[1].decode()).query)
            first, limit = int(query.get("pagination_token", ["0"])[0]), int(query["limit"][0])
            last = min(first + limit, self.records)
            rows = ",".join(record(number, is_changed=self._changed(number)) for number in range(first, last))
            following = json.dumps(str(last) if last < self.records else None)
            body = f'{{"data":[{rows}],"prev_pagination_token":null,"next_pagination_token":{following}}}'
        else:
            raise ValueError(f"nobody asks this: {data[:80]!r}")
        encoded = body.encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(encoded)}\r\n\r\n"
        self._transport.write(head.encode() + encoded)

    def _changed(self, number: int) -> bool:
        return self.is_changed and number % 100 == 0


async def serve(port: int) -> None:
    """Answer until the process ends."""
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve."""
    Answerer.records = int(sys.argv[2])
    uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
