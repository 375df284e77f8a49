"""Variables that Kubernetes puts into every pod of a namespace, one set for each of its Services.

Those of a Service named tieout (or tieout-web) begin as our settings do. A name alone proves no link, since a
misspelt setting may end the same way (`TIEOUT_LISTEN_PORT`): it has to hold what Kubernetes would write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

_HOST: Final = re.compile(r"TIEOUT_(\w+_)?SERVICE_HOST")
_SERVICE_PORT: Final = re.compile(r"(?P<service>TIEOUT_(\w+_)?SERVICE)_PORT(_\w+)?")
_PORT: Final = re.compile(r"TIEOUT_(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?")
_PART: Final = re.compile(r"TIEOUT_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_(ADDR|PORT|PROTO)")
_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://.+")


def is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable is one of those."""
    if _PART.fullmatch(name):
        return True
    if _HOST.fullmatch(name):
        return _is_address(environ[name])
    if port := _SERVICE_PORT.fullmatch(name):
        return _is_address(environ.get(f"{port['service']}_HOST", ""))
    return bool(_PORT.fullmatch(name) and _ADDRESS.fullmatch(environ[name]))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
