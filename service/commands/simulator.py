"""`tieout simulator`: the simulated hub alone, with its control API, until it is told to end."""

from __future__ import annotations

import re

import click

from service.commands.ports import require_free

LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]*):\d{1,5}")


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not LISTEN.fullmatch(value) or int(value.rpartition(":")[2]) > 65_535:  # noqa: PLR2004 - the last port
        raise click.BadParameter("give host:port, like 127.0.0.1:9000 or [::1]:9000; port 0 takes a free one")
    try:
        value.rpartition(":")[0].encode("idna")  # as the resolver will
    except UnicodeError:
        raise click.BadParameter("names a host that cannot exist") from None
    return value


@click.command("simulator")
@click.option(
    "--listen", default="127.0.0.1:9000", show_default=True, callback=_address, metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--dialect", type=click.Choice(["tesouro", "monite"]), default="tesouro", show_default=True,
    help="Spelling of paths and headers.",
)  # fmt: skip
@click.option("--organizations", type=click.IntRange(0, 10_000), default=3, show_default=True, metavar="N")
@click.option(
    "--documents", type=click.IntRange(0, 100_000), default=20, show_default=True, metavar="N",
    help="Documents of each organization.",
)  # fmt: skip
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same world."
)
@click.option(
    "--situations", type=click.Choice(["mixed", "healthy"]), default="mixed", show_default=True,
    help="What the world is like at the start.",
)  # fmt: skip
@click.option(
    "--pull-seconds", type=click.FloatRange(min=0.1), default=3600.0, show_default=True, metavar="S",
    help="Time between two reads of the books.",
)  # fmt: skip
@click.option(
    "--push-seconds", type=click.FloatRange(min=0), nargs=2, default=(1.0, 5.0), show_default=True,
    metavar="S S", help="Shortest and longest time of a push.",
)  # fmt: skip
@click.option(
    "--rate-per-second", type=click.IntRange(min=0), default=30, show_default=True, metavar="N",
    help="Requests allowed a second; 0 lifts the limit.",
)  # fmt: skip
@click.option("--speed", type=click.FloatRange(min=0.01), default=1.0, hidden=True)
def command(
    *,
    listen: str,
    dialect: str,
    organizations: int,
    documents: int,
    seed: int,
    situations: str,
    pull_seconds: float,
    push_seconds: tuple[float, float],
    rate_per_second: int,
    speed: float,
) -> None:
    """Simulate the hub: its API over HTTP, with books behind it that can be changed and broken.

    The first line of output is one JSON object: url, client_id, client_secret, control_url, organizations.
    GET control_url tells what can be done to the world.
    """
    from service.simulator import serve  # noqa: PLC0415 - a world that no other command needs

    if push_seconds[0] > push_seconds[1]:
        raise click.BadParameter("the shortest time is longer than the longest", param_hint="--push-seconds")
    require_free(listen)
    serve.run(
        listen,
        dialect,
        organizations=organizations,
        documents=documents,
        seed=seed,
        situations=situations,
        pull_seconds=pull_seconds,
        push_seconds=push_seconds,
        rate_per_second=rate_per_second,
        speed=speed,
    )
