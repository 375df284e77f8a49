"""Style sheet, script and mark, served from memory under names that change with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from starlette.responses import Response

from service.web.problems import not_found
from service.web.route import Asked

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_DIGEST_CHARACTERS = 12

_YEAR = "public, max-age=31536000, immutable"


def _read() -> Mapping[str, bytes]:
    folder = resources.files("service.web.page") / "static"
    return MappingProxyType(
        {
            file.name: file.read_bytes()
            for file in folder.iterdir()
            if file.name.rpartition(".")[2] in _MEDIA_TYPES
        }
    )


CONTENTS = _read()
"""Every file, by its plain name."""


def hashed(name: str) -> str:
    """Give the name under which a file is served: its content is part of it."""
    stem, _, kind = name.rpartition(".")
    digest = hashlib.sha256(CONTENTS[name]).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{stem}.{digest}.{kind}"


_PLAIN_BY_HASHED = {hashed(name): name for name in CONTENTS}


async def show(asked: Asked) -> Response:
    """Answer with a file; browsers may keep it for ever, since another content has another name."""
    name = _PLAIN_BY_HASHED.get(asked.path["name"])
    if name is None:
        raise not_found("file")
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(CONTENTS[name], media_type=media_type, headers={"cache-control": _YEAR})
