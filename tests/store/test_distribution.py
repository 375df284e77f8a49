"""The schema and the queries could be spread over several Postgres: one organization's rows lie together.

What is needed for that is read from the plans of all queries. Rows are found by their organization, joins
stay within it, and claims are made in small tables that stay in one place. What reads or writes across the
fleet stands here with its reason: each of them asks every shard once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg

from service.store.queries import QUERIES, Query

SMALL = frozenset(
    {
        "work",
        "standings",
        "alerts",
        "notifications",
        "retries",
        "retry_items",
        "api_keys",
        "sessions",
        "login_codes",
    }
)
"""Tables that name organizations and yet stay in one place: a few rows for each at most, or few at all."""

ALERTS = "what alerts are made from, once a run: each shard tells of its own"
FIGURES = "a figure for metrics or /status: each shard counts what it has in an index made for it"
ROOM = "made room in portions, in the background"
FLEET = "the list of organizations itself, or what is kept of it, once in some minutes"

ACROSS: Mapping[str, str] = {
    "list_differing_organizations": ALERTS,
    "list_failing_causes": ALERTS,
    "list_lost_organizations": ALERTS,
    "list_stale_organizations": ALERTS,
    "list_stuck_organizations": ALERTS,
    "list_comparison_readings": ALERTS,
    "get_missing_events": ALERTS,
    "get_fleet_quiet": ALERTS,
    "get_unreadable_deliveries": ALERTS,
    "list_silent_streams": ALERTS,
    "list_outdated_organizations": "after a release with other rules, whose records are to be read again",
    "list_fleet_causes": "sums are kept; the example of each cause is one look into an index of each shard",
    "sum_unclassified": FIGURES,
    "get_event_backlog": FIGURES,
    "list_stream_ages": FIGURES,
    "sum_demand": "what the fleet needs of the hub's calls, once in some seconds, of one row a stream",
    "prune_events": ROOM,
    "prune_cause_counts": ROOM,
    "list_trailed_organizations": "whose paper trail `tieout check` verifies, one by one",
    "list_unlisted_organizations": FLEET,
    "lock_standings": FLEET,
}
"""Queries that meet rows of many organizations, and why they may."""

ROLLUPS = frozenset({"fleet_counts", "standings"})
STATUS = ("sum_fleet_counts", "sum_fleet_money", "sum_fleet_set_aside", "sum_standings")
"""Where /status has the figures of the whole fleet from."""


async def session(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """A superuser's session: without the wall, so that a plan shows the query's own conditions alone."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SET search_path TO tieout; SET enable_seqscan TO off; SET plan_cache_mode TO force_generic_plan;"
        "SET tieout.staged_ledger TO 'payable'; SET tieout.staged_types TO '{}';"
        "SET tieout.staged_accounts TO '{}'"
    )
    return connection


async def plan_of(connection: asyncpg.Connection[asyncpg.Record], query: Query) -> Any | None:
    """The plan of a query, be it to fill a staging table; None of what is no query."""
    text = re.sub(r"--.*", "", query.text).strip()
    text = re.sub(r"^CREATE TEMPORARY TABLE \w+ ON COMMIT DROP AS\s", "", text).strip()
    if text.split()[0].upper() in {"CREATE", "ANALYZE"}:
        return None
    count = max([int(number) for number in re.findall(r"\$(\d+)", text)], default=0)
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    await connection.execute(f"PREPARE asked AS {text}")
    plan = json.loads(await connection.fetchval(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE asked{arguments}"))
    await connection.execute("DEALLOCATE asked")
    return plan[0]["Plan"]


def scans(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Every table that a plan reads: its name, its alias, and all conditions that it is read under."""
    own = " ".join(str(value) for name, value in node.items() if name.endswith(("Cond", "Filter")))
    conditions = f"{above} {own}"
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        yield re.sub(r"^history_\w+$", "history", node["Relation Name"]), node["Alias"], conditions
    for child in node.get("Plans", []):
        yield from scans(child, conditions)


def is_within_organization(alias: str, conditions: str) -> bool:
    """Whether rows are found by their organization, by a parameter or by the row that they are joined to."""
    return bool(
        re.search(rf"\b({alias}\.)?organization_id = ", conditions)
        or re.search(rf"= {alias}\.organization_id\b", conditions)
    )


async def spread_tables(connection: asyncpg.Connection[asyncpg.Record]) -> frozenset[str]:
    """Tables whose rows lie where their organization is."""
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'tieout' AND column_name = 'organization_id'"
    )
    return frozenset(row["table_name"] for row in rows) - SMALL


async def test_rows_are_found_by_their_organization(database_url: str) -> None:
    """Each query meets spread tables by their organization alone, but for those that have a reason here."""
    connection = await session(database_url)
    try:
        spread = await spread_tables(connection)
        across: set[str] = set()
        for name, query in QUERIES.items():
            plan = await plan_of(connection, query)
            for table, alias, conditions in scans(plan) if plan else ():
                if table in spread and not is_within_organization(alias, conditions):
                    across.add(name)
    finally:
        await connection.close()
    assert across == ACROSS.keys()


async def test_claims_are_made_in_small_tables(database_url: str) -> None:
    """Whatever is claimed by whoever comes first lies in small tables, which stay in one place."""
    connection = await session(database_url)
    try:
        spread = await spread_tables(connection)
        claims = [query for query in QUERIES.values() if "SKIP LOCKED" in query.text]
        met = {table for query in claims for table, _, _ in scans(await plan_of(connection, query) or {})}
    finally:
        await connection.close()
    assert claims
    assert met & spread == set()


async def test_counts_of_the_fleet_come_from_what_is_kept(database_url: str) -> None:
    """What /status tells of all organizations together reads nothing but sums and standings."""
    connection = await session(database_url)
    try:
        met = {
            table for name in STATUS for table, _, _ in scans(await plan_of(connection, QUERIES[name]) or {})
        }
    finally:
        await connection.close()
    assert met == ROLLUPS


async def test_keys_begin_with_the_organization(database_url: str) -> None:
    """The primary key of each spread table begins with the organization, as a distributed table's must."""
    connection = await session(database_url)
    try:
        rows = await connection.fetch(
            "SELECT c.relname, a.attname FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indrelid"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
            " WHERE i.indisprimary AND c.relnamespace = 'tieout'::regnamespace"
        )
        spread = await spread_tables(connection)
    finally:
        await connection.close()
    first_by_table = {row["relname"]: row["attname"] for row in rows if row["relname"] in spread}
    assert {table for table, first in first_by_table.items() if first != "organization_id"} == set()
