"""A mail server on loopback that takes every mail and keeps it: as much SMTP as one client speaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """What arrived: envelopes and mails."""

    port: int = 0
    recipients: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    refuse_with: bytes = b""
    """What to answer a sender with instead of taking the mail."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(b"220 mailbox\r\n")
            while command := (await reader.readuntil(b"\r\n")).strip().upper():
                if command.startswith(b"RCPT"):
                    self.recipients.append(command.decode().partition("<")[2].rstrip(">").lower())
                if command == b"DATA":
                    writer.write(b"354 go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    mail = message_from_bytes(content[:-5], _class=EmailMessage, policy=policy.default)
                    self.mails.append(mail)
                if command == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                writer.write(self.refuse_with if self.refuse_with and command != b"RSET" else b"250 ok\r\n")
                await writer.drain()
        writer.close()


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Run a mail server."""
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0, limit=2**20)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
