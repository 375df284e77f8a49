"""Settings: the environment, read once and whole.

One table, `VARIABLES`, says what there is, and nothing else reads the environment. Every problem is told at
once and by name, because fixing them one by one costs a restart each; a value is never repeated in a problem,
because it may be a secret. A variable that is set but empty counts as unset: that is what templates leave
behind. A misspelt variable is a problem too, since its owner believes that it works.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import unquote, urlsplit

from service.errors import SettingsError
from service.settings.service_links import is_service_link
from service.settings.values import (
    KEY_CHARACTERS_MAX,
    KEY_CHARACTERS_MIN,
    Address,
    ApiKey,
    Digest,
    HubDialect,
    Role,
    Secret,
)
from service.settings.variables import PREFIX, VARIABLES, Variable

__all__ = [
    "KEY_CHARACTERS_MAX",
    "KEY_CHARACTERS_MIN",
    "VARIABLES",
    "Address",
    "ApiKey",
    "Digest",
    "HubDialect",
    "Role",
    "Secret",
    "Settings",
    "Variable",
]

HUB_VERSIONS: Mapping[HubDialect, str] = {
    HubDialect.TESOURO: "2025-06-23",
    HubDialect.MONITE: "2024-05-25",
}
"""The version of its API that each dialect is asked for, unless told otherwise."""

Judge: TypeAlias = Callable[[Mapping[str, Any]], Sequence[str]]
"""Tells what is wrong with values, by their attributes; None stands for those that could not be read."""

# Tests hand their own variables to the processes that they start.
_TESTS = re.compile(r"TIEOUT_TEST_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every variable, typed: an attribute bears the variable's name in lower case, without its prefix."""

    database_url: Secret | None
    data_dir: Path
    listen: Address
    roles: frozenset[str]
    hub_url: str
    hub_token_url: str
    hub_client_id: str
    hub_client_secret: Secret
    hub_dialect: HubDialect
    hub_version: str
    hub_rate_per_second: float
    hub_timeout_seconds: float
    webhook_secrets: tuple[Secret, ...]
    webhook_signature_headers: tuple[str, ...]
    webhook_digest: Digest
    webhook_tolerance_seconds: float
    api_keys: tuple[ApiKey, ...]
    alert_channels: tuple[str, ...] = field(repr=False)
    alert_allow_private: bool
    public_url: str
    poll_seconds: float
    connection_seconds: float
    sweep_seconds: float
    diff_seconds: float
    stale_seconds: float
    stuck_seconds: float
    retry_base_seconds: float
    retry_cap_seconds: float
    retry_attempts: int
    cure_seconds: float
    canary_seconds: float
    confirm_seconds: float
    evidence_seconds: float
    evidence_pulls: int
    alert_group_seconds: float
    alert_repeat_seconds: float
    alert_resolve_seconds: float
    retention_days: int
    telemetry_otlp_url: str | None

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, require_hub: bool = True, judges: Sequence[Judge] = ()
    ) -> Self:
        """Read `environ`, or raise `SettingsError` with every problem in it.

        Commands that never call the hub pass `require_hub=False`; its credentials are then empty where unset.
        What only others can judge, `judges` do.
        """
        problems = _unknown(environ)
        found: dict[str, Any] = {}
        for variable in VARIABLES:
            text = environ.get(variable.name, "").strip() or variable.default
            try:
                found[variable.attribute] = None if text is None else variable.parse(text)
            except ValueError as error:
                problems.append(f"{variable.name} {error}")
                found[variable.attribute] = None
            if text is None and variable.is_hub_credential and require_hub:
                problems.append(f"{variable.name} is not set; it is needed to sign in to the hub")
        problems += _derive(found, environ)
        for judge in judges:
            problems += judge(found)
        if problems:
            raise SettingsError(problems)
        return cls(**found)

    @property
    def listen_host(self) -> str:
        """The host part of `listen`."""
        return self.listen.host

    @property
    def listen_port(self) -> int:
        """The port part of `listen`; 0 lets the system choose."""
        return self.listen.port

    def secrets(self) -> Sequence[str]:
        """Give every text that must never be shown, for the log's mask."""
        urls = [*self.alert_channels, *([self.database_url.reveal()] if self.database_url else [])]
        passwords = [_password(url) for url in urls]
        hidden = [self.hub_client_secret, *self.webhook_secrets, *(key.key for key in self.api_keys)]
        return [text for text in [*(secret.reveal() for secret in hidden), *urls, *passwords] if text]

    def advice(self) -> Sequence[str]:
        """Say what works but is unwise; `check` shows it."""
        found = [
            f"TIEOUT_API_KEYS: the key of {key.name} is short; take {KEY_CHARACTERS_MIN} random characters, "
            "or it is refused while somebody guesses from the same address"
            for key in self.api_keys
            if len(key.key.reveal()) < KEY_CHARACTERS_MIN
        ]
        for name, url in (("TIEOUT_HUB_URL", self.hub_url), ("TIEOUT_HUB_TOKEN_URL", self.hub_token_url)):
            if url.startswith("http:") and not _is_here(url):
                found.append(f"{name}: credentials would travel unencrypted; take https://")
        database = self.database_url.reveal() if self.database_url else ""
        if database and not _is_here(database) and "sslmode=verify-" not in database:
            # The system's authorities are not looked at unless named, so both options are needed.
            found.append(
                "TIEOUT_DATABASE_URL: nobody checks who answers; add sslmode=verify-full&sslrootcert=FILE, a "
                "file with the certificate of the authority that signed the server's"
            )
        return found


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Give the folder in which this user's programs keep their data."""
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "tieout"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "tieout"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "tieout"


def _is_here(url: str) -> bool:
    """Whether an address lies on this machine, or is a Unix socket's."""
    try:
        return urlsplit(url).hostname in {None, "localhost", "127.0.0.1", "::1"}
    except ValueError:
        return False


def _password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:  # no address at all; it is masked as a whole
        return ""


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = [variable.name for variable in VARIABLES]
    problems = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known:
            continue
        if _TESTS.fullmatch(name) or is_service_link(name, environ):
            continue
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else "remove it, or see the README for what there is"
        problems.append(f"{name} is no setting; {hint}")
    return problems


def _derive(found: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Fill in what follows from other variables, and tell what does not go together."""
    found["webhook_secrets"] = found["webhook_secrets"] or ()
    found["api_keys"] = found["api_keys"] or ()
    found["alert_channels"] = found["alert_channels"] or ()
    found["hub_client_id"] = found["hub_client_id"] or ""
    found["hub_client_secret"] = found["hub_client_secret"] or Secret("")
    found["hub_token_url"] = found["hub_token_url"] or f"{found['hub_url']}/auth/token"
    found["hub_version"] = found["hub_version"] or HUB_VERSIONS.get(found["hub_dialect"])
    found["public_url"] = found["public_url"] or f"http://{found['listen']}"
    problems = []
    try:
        found["data_dir"] = (found["data_dir"] or default_data_dir(environ)).expanduser().absolute()
    except RuntimeError:
        problems.append(
            "TIEOUT_DATA_DIR is not set and there is no home folder; name a folder that may be written"
        )
    base, cap = found["retry_base_seconds"], found["retry_cap_seconds"]
    if base and cap and base > cap:
        problems.append("TIEOUT_RETRY_CAP_SECONDS must not be less than TIEOUT_RETRY_BASE_SECONDS")
    return problems


assert [variable.attribute for variable in VARIABLES] == [item.name for item in fields(Settings)]
