"""Whether what was committed survives a Postgres that stops all at once.

A server, a database or a role may be set so that a commit is answered before it is on disk. Most of what we
write would then be read or found out again; what somebody outside has acted on, or was told, would not:

- the intent of a push, since its bytes leave next: lost, the record would be due and be sent again;
- its outcome, since the hub tells it once: lost, a person would have to look for the document;
- the word of a person (an override, a plan applied or cancelled, a signature), who was told that it counts;
- a webhook, whose sender does not come again.

What is derived from these (an abandoned attempt, what the books prove) may be lost: it is found again, and
whatever is built on it waits for the disk, which it reaches after all that came before.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.store.database import Connection
from service.store.queries import QUERY


async def ensure_durable(connection: Connection) -> None:
    """Make this transaction's commit wait for the disk, however the server is set."""
    await connection.execute(QUERY["ensure_durable"])


async def list_forgetful_settings(connection: Connection) -> Sequence[str]:
    """Name the settings by which the server may lose what was committed."""
    return [row["name"] for row in await connection.fetch(QUERY["list_forgetful_settings"])]
