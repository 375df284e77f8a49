"""Which release this is."""

from __future__ import annotations

UNINSTALLED = "0+source"
"""What runs straight from a folder of sources, as `make demo` does, was never given a number."""


def version() -> str:
    """Give the version of the installed distribution."""
    from importlib import metadata  # noqa: PLC0415 - slow to import, and seldom asked for

    try:
        return metadata.version("tieout")
    except metadata.PackageNotFoundError:
        return UNINSTALLED
