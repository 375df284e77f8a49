"""The two spellings of one API: Tesouro's hyphens and headers, Monite's underscores and headers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """Which spelling the hub speaks."""

    TESOURO = "tesouro"
    MONITE = "monite"


@dataclass(frozen=True, slots=True)
class Spelling:
    """Header names (lower case, as ASGI gives them) and what paths look like."""

    version_header: str
    version: str
    organization_header: str
    signature_header: str
    has_hyphens: bool

    def path(self, template: str) -> str:
        """Spell a path template given in hyphens; the names in braces stay."""
        if self.has_hyphens:
            return template
        return "/".join(
            part if part.startswith("{") else part.replace("-", "_") for part in template.split("/")
        )


SPELLINGS = {
    Dialect.TESOURO: Spelling(
        "x-finops-version", "2025-06-23", "x-organization-id", "Tesouro-Signature", has_hyphens=True
    ),
    Dialect.MONITE: Spelling(
        "x-monite-version", "2024-05-25", "x-monite-entity-id", "Monite-Signature", has_hyphens=False
    ),
}
