"""Texts of the hub that are looked up by: bounded, so that each fits into an index of Postgres.

An index takes some 2,700 bytes, and a character may have four. What does not fit stops more than its own row:
a whole page is not written, and with it nobody's row on it.
"""

from __future__ import annotations

import hashlib
from typing import Final

NAME_MAX: Final = 255
"""Characters of an organization's name, which lists are ordered by and tokens carry."""

KEY_MAX: Final = 255
"""Characters of an id or a word; those of the platforms have forty at most."""


def bounded(key: str) -> str:
    """The key itself; of one that is too long the beginning and a digest of all of it.

    Cut off alone, two keys might become one. Wherever the same key is read it becomes the same.
    """
    if len(key) <= KEY_MAX:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{key[: KEY_MAX - len(digest) - 1]}~{digest}"
