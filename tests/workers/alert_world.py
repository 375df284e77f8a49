"""A fleet in Postgres for the tests of alerting: records that fail and heal, and hours that pass.

Rows are written by the store where it has a function for them; what readings leave behind (streams,
comparisons) is set directly, since it is what the tests are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from service.channels.channel import Channel
from service.domain.alerts.alert import Alert
from service.domain.cadence.stream import STREAMS
from service.domain.causes.names import Cause
from service.domain.fleet import FLEET, WorkKind
from service.domain.record import Record
from service.domain.record_state import State
from service.settings import Settings
from service.store.alerts import lock_alerts
from service.store.connections import SeenConnection, write_connections
from service.store.database import Database
from service.store.hub_budget import mark_hub_failing, mark_hub_ok
from service.store.organizations import SeenOrganization, write_organizations
from service.store.records import Change, lock_records, write_records
from service.store.work import ensure_work, nudge_work
from service.workers.alerter import Alerter

_NAMESPACE = UUID("c0ffee00-0000-4000-8000-000000000000")


def organization(number: int) -> UUID:
    """The id of the organization with this number."""
    return uuid5(_NAMESPACE, f"organization {number}")


def settings(**environ: str) -> Settings:
    """Settings as they come, with changes."""
    return Settings.from_environment(
        {"HOME": "/tmp"} | {f"TIEOUT_{name}": value for name, value in environ.items()},  # noqa: S108 - not used
        require_hub=False,
    )


class World:
    """What Postgres knows of a fleet."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def now(self) -> datetime:
        """The database's time."""
        return await self.database.now()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.database.clock_offset += timedelta(seconds=seconds)

    async def add(self, *numbers: int, status: str = "connected", name: str = "Organization") -> None:
        """Add organizations that are connected and were read just now."""
        now = await self.now()
        async with self.database.fleet() as connection:
            await write_organizations(
                connection,
                [
                    SeenOrganization(
                        organization_id=organization(number),
                        name=f"{name} {number}",
                        status="active",
                        hub_created_at=now - timedelta(days=90),
                        hub_updated_at=now,
                        payload={"number": number, "name": name},
                    )
                    for number in numbers
                ],
            )
        for number in numbers:
            await self.connect(number, "connected")
            if status != "connected":
                await self.connect(number, status)
        await self.read(*numbers)

    async def connect(self, number: int, status: str, *, last_pull: datetime | None = None) -> None:
        """Have the hub tell this of an organization's connection."""
        now = await self.now()
        pulled = last_pull or now
        async with self.database.organization(organization(number)) as connection:
            await write_connections(
                connection,
                organization(number),
                [
                    SeenConnection(
                        connection_id=uuid5(_NAMESPACE, f"connection {number}"),
                        status=status,
                        platform="quickbooks",
                        last_pull=pulled,
                        connection_url=None,
                        errors=None,
                        hub_created_at=now - timedelta(days=90),
                        hub_updated_at=now,
                        payload={"status": status, "last_pull": pulled.isoformat()},
                    )
                ],
            )

    async def read(self, *numbers: int) -> None:
        """Read everything of these organizations, the books as of the last pull, and compare it."""
        async with self.database.fleet() as connection:
            ids = [organization(number) for number in numbers]
            await connection.execute(
                "INSERT INTO streams (organization_id, stream, due_at, read_at, full_at) "
                "SELECT o, s, tieout.now() + interval '1 hour', tieout.now(), tieout.now() "
                "FROM unnest($1::uuid[]) o CROSS JOIN unnest($2::text[]) s "
                "ON CONFLICT (organization_id, stream) DO UPDATE SET read_at = tieout.now()",
                ids,
                [stream.value for stream in STREAMS],
            )
            await connection.execute(
                "INSERT INTO comparisons (organization_id, ledger, compared_at, certified, open_differences, "
                "expected_differences) SELECT o, l, tieout.now(), true, 0, 0 FROM unnest($1::uuid[]) o "
                "CROSS JOIN unnest(ARRAY['receivable', 'payable']) l "
                "ON CONFLICT (organization_id, ledger) DO UPDATE SET compared_at = tieout.now()",
                ids,
            )
            await connection.execute(
                "INSERT INTO balances (organization_id, ledger, currency, local_minor, local_count, "
                "books_minor, books_count, terms, unclassified_minor, certified, last_pull, version, "
                "compared_at) "
                "SELECT o, l, 'USD', 0, 0, 0, 0, '[]', 0, true, (SELECT max(last_pull) FROM connections c "
                "WHERE c.organization_id = o), 1, tieout.now() FROM unnest($1::uuid[]) o "
                "CROSS JOIN unnest(ARRAY['receivable', 'payable']) l "
                "ON CONFLICT (organization_id, ledger, currency) "
                "DO UPDATE SET last_pull = excluded.last_pull, compared_at = excluded.compared_at",
                ids,
            )

    async def compare(self, *numbers: int) -> None:
        """Compare these organizations, whose books were not read since."""
        async with self.database.fleet() as connection:
            await connection.execute(
                "WITH anew AS (UPDATE comparisons SET compared_at = tieout.now() "
                "WHERE organization_id = ANY($1::uuid[])) "
                "UPDATE balances SET compared_at = tieout.now() WHERE organization_id = ANY($1::uuid[])",
                [organization(number) for number in numbers],
            )

    async def issue(self, number: int, document_id: UUID) -> None:
        """Have an organization issue an invoice."""
        async with self.database.fleet() as connection:
            await connection.execute(
                "INSERT INTO documents (organization_id, ledger, side, document_id, kind, body, payload, "
                "content_hash, list_hash, version, first_seen_at, changed_at) VALUES ($1, 'receivable', "
                "'local', $2, 'invoice', '{}', '{}', '', '', 1, tieout.now(), tieout.now())",
                organization(number),
                str(document_id),
            )

    async def fail(
        self,
        number: int,
        count: int = 1,
        *,
        cause: Cause | None = Cause.MISSING_TAX_RATE,
        state: State = State.BLOCKED,
        **changes: Any,
    ) -> Sequence[UUID]:
        """Have records of an organization fail."""
        now = await self.now()
        facts: dict[str, Any] = {
            "organization_id": organization(number),
            "object_type": "receivable",
            "updated_at": now,
            "sync_status": "error",
            "errors": "Tax code not found",
            "platform": "quickbooks",
            "state": state,
            "reason": "The tax rate is missing; create it.",
            "cause": cause,
            "cause_text": "Tax code not found",
            "owner": "bookkeeper",
            "deadline_at": now + timedelta(hours=1),
            "first_failed_at": now,
            "amount_minor": 10_000,
            "currency": "USD",
        }
        records = [
            Record(**{"record_id": uuid5(_NAMESPACE, f"{number} {cause} {index}")} | facts | changes)
            for index in range(count)
        ]
        async with self.database.organization(organization(number)) as connection:
            await write_records(
                connection,
                [Change(before=None, after=record, payload={}, content_hash=b"1") for record in records],
            )
        return [record.record_id for record in records]

    async def move(self, number: int, record_ids: Sequence[UUID], state: State) -> None:
        """Bring records on their way, or home."""
        now = await self.now()
        ours: dict[str, Any] = {"state": state, "updated_at": now}
        if state is State.ACKNOWLEDGED:
            ours |= {"cause": None, "sync_status": "done", "healed_at": now, "deadline_at": None}
        async with self.database.organization(organization(number)) as connection:
            known = await lock_records(connection, organization(number), record_ids)
            await write_records(
                connection,
                [
                    Change(before=record, after=replace(record, **ours, version=record.version + 1))
                    for record in known.values()
                ],
            )

    async def heal(self, number: int) -> None:
        """Have all records of an organization arrive, and read them."""
        async with self.database.organization(organization(number)) as connection:
            rows = await connection.fetch("SELECT record_id FROM records")
        await self.move(number, [row["record_id"] for row in rows], State.ACKNOWLEDGED)
        await self.read(number)

    async def hub(self, failure: str | None) -> None:
        """Have the hub fail, or answer."""
        async with self.database.fleet() as connection:
            if failure is None:
                await mark_hub_ok(connection)
            else:
                await mark_hub_failing(connection, failure, "connection refused")

    async def alerts(self) -> dict[str, Alert]:
        """The alerts that there are, by fingerprint."""
        async with self.database.fleet() as connection:
            return {alert.fingerprint: alert for alert in await lock_alerts(connection)}

    async def outbox(self, channel: str = "log") -> list[Any]:
        """The bodies of all messages to a channel, in the order in which they were put there."""
        async with self.database.fleet() as connection:
            rows = await connection.fetch(
                "SELECT * FROM notifications WHERE channel = $1 ORDER BY created_at, alert_id, sequence",
                channel,
            )
        return [row["body"] for row in rows]


class Watch:
    """An alerter that looks when it is told to."""

    def __init__(self, world: World, channels: Sequence[Channel], **environ: str) -> None:
        self.world = world
        self.alerter = Alerter(world.database, settings(**environ), channels, "replica")

    async def look(self, after_seconds: float = 0.0) -> None:
        """Let time pass, and look."""
        self.world.pass_time(after_seconds)
        async with self.world.database.fleet() as connection:
            now = await connection.fetchval("SELECT tieout.now()")
            await ensure_work(connection, [FLEET], [WorkKind.ALERT])
            await nudge_work(connection, [FLEET], WorkKind.ALERT, now)
        tally = await self.alerter.run_once(now)
        assert not tally.is_idle
