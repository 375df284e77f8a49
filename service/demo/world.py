"""The hand that changes the simulated hub and the books behind it, and what it alone knows: the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A customer in the story."""

    id: str
    name: str
    books: str
    """How its accounting platform is called."""
    currency: str


class World:
    """The control API of the simulated hub; see `docs/simulator.md`."""

    def __init__(self, control_url: str) -> None:
        self._http = httpx.Client(base_url=control_url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def do(self, control: str, /, **arguments: Any) -> Any:  # noqa: ANN401 - as the control says
        """Change something; give what the control returns."""
        response = self._http.post(f"/{control}", json=arguments)
        assert response.status_code == httpx.codes.OK, f"{control}: {response.text}"
        return response.json()["result"]

    def ask(self, control: str, **arguments: str | int) -> Any:  # noqa: ANN401 - as the control says
        """Look something up."""
        response = self._http.get(f"/{control}", params=arguments)
        assert response.status_code == httpx.codes.OK, f"{control}: {response.text}"
        return response.json()

    def truth(self, organization: Organization) -> Mapping[str, Any]:
        """Everything about an organization, as it really is."""
        found: Mapping[str, Any] = self.ask("truth", organization_id=organization.id)
        truth: Mapping[str, Any] = found["organizations"][organization.id]
        return truth

    def copies(self, organization: Organization, document_id: str) -> int:
        """How many documents the books ever received for a local one."""
        return int(self.truth(organization)["documents_per_local"].get(document_id, 0))

    def close(self) -> None:
        """Let go."""
        self._http.close()
