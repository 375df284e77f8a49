"""Where a channel may connect to: each address of a name is judged, and the judged one is dialled.

A channel's URL is set by an operator, yet names can be made to point anywhere, later, by others. Asking "is
it private?" and then letting a client resolve the name again would be two questions with two answers; so
the address that was judged is the one that is dialled (`post.py`), and a name with a single bad address is
refused whole.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, TypeAlias

ADDRESSES_MAX: Final = 4
"""Addresses of one name that are tried in turn; more of them would eat up the deadline."""

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 behind an IPv6-only network's translator: the last 32 bits are the address that is meant."""

REMEDY: Final = "set TIEOUT_ALERT_ALLOW_PRIVATE=true if it is meant to be there"


class Forbidden(Exception):  # noqa: N818 - names what is the case
    """The address may not be connected to; the message says why, and what would allow it."""


class Unresolved(Exception):  # noqa: N818 - names what is the case
    """The name has no address just now."""


async def resolve(host: str, port: int, *, allow_private: bool) -> Sequence[Address]:
    """Resolve a name to the addresses that may be dialled, in the order to try them.

    Raises `Forbidden` when any of its addresses may not be, `Unresolved` when it has none.
    """
    literal = parse(host)
    if literal is not None:
        found = [literal]
    else:
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unresolved(f"{host} cannot be resolved: {error}") from error
        found = list(dict.fromkeys(ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows))
    if not found:
        raise Unresolved(f"{host} has no address")
    for address in found:
        reason = why_forbidden(address, allow_private=allow_private)
        if reason:
            raise Forbidden(f"{host} points to {reason}")
    return found[:ADDRESSES_MAX]


def parse(host: str) -> Address | None:
    """The address that a host literally is; None for a name.

    Shortened and octal forms (`127.1`, `0177.0.0.1`) count as what the system would dial.
    """
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def why_forbidden(address: Address, *, allow_private: bool) -> str:
    """What is wrong with connecting to it; empty when nothing is."""
    for meant in _meanings(address):
        if meant.is_unspecified or meant.is_multicast or meant.is_link_local or _is_reserved(meant):
            # Cloud providers give out credentials on a link-local address: no setting opens that.
            return f"{address}, which is no address of a receiver"
        if not allow_private and (not meant.is_global or _is_site_local(meant)):
            return f"{address}, which is on a private network; {REMEDY}"
    return ""


def _is_reserved(address: Address) -> bool:
    return address.is_reserved and not address.is_loopback


def _is_site_local(address: Address) -> bool:
    """Whether it is private by the rules before `fd00::/8`; networks of that age still use those."""
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


def _meanings(address: Address) -> Sequence[Address]:
    """The address itself and whatever it carries inside: IPv4 in one of IPv6's wrappings."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    inside: list[Address] = [address]
    if address.sixtofour is not None:
        inside.append(address.sixtofour)
    if address.teredo is not None:
        inside.extend(address.teredo)
    if address in NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return inside
