"""Ports of this machine: whether one is free, and one that is."""

from __future__ import annotations

import socket

from service.errors import TieoutError


class PortTaken(TieoutError):  # noqa: N818 - names what is the case, like the rest of the tree
    """Something else listens there already."""


def require_free(address: str) -> None:
    """Refuse an address that cannot be listened on; port 0 always can."""
    host, _, port = address.rpartition(":")
    try:
        _bind(host.strip("[]"), int(port)).close()
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {address}: {error.strerror or error}; "
            "end what listens there, or choose another port"
        ) from None


def free_port(host: str, wanted: int) -> int:
    """Give the port that is wanted if it is free, else another one."""
    try:
        listener = _bind(host, wanted)
    except OSError:
        listener = _bind(host, 0)
    with listener:
        return int(listener.getsockname()[1])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        # As servers do: a port whose last connections are only just closed is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host or "127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener
