"""The table of variables: the one place that says which there are, what they mean and what they default to.

README and the Helm chart list the same names, and tests compare them with this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.settings import parsers
from service.settings.values import Digest, HubDialect

PREFIX = "TIEOUT_"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment; `default` is what one would type, `otherwise` says it in words."""

    name: str
    parse: Callable[[str], object]
    meaning: str
    default: str | None = None
    otherwise: str = ""
    is_hub_credential: bool = False

    @property
    def attribute(self) -> str:
        """The name of its value in `Settings`."""
        return self.name.removeprefix(PREFIX).lower()


def _variable(name: str, parse: Callable[[str], object], default: str | None, meaning: str) -> Variable:
    return Variable(PREFIX + name, parse, meaning, default)


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "TIEOUT_DATABASE_URL",
        parsers.database_url,
        "Address of a PostgreSQL server, version 14 or later",
        otherwise="an embedded Postgres under the data folder",
    ),
    Variable(
        "TIEOUT_DATA_DIR",
        lambda value: Path(parsers.text(value)),
        "Folder of the embedded Postgres; what it holds survives restarts",
        otherwise="the user's data folder",
    ),
    _variable("LISTEN", parsers.address, "127.0.0.1:8080", "Host and port that the web side listens on"),
    _variable("ROLES", parsers.words("web", "worker"), "web,worker", "Which sides this replica runs"),
    _variable(
        "HUB_URL",
        parsers.http_url,
        "https://api.sandbox.tesouro.com/v1",
        "Base of the hub's API, with its prefix",
    ),
    Variable(
        "TIEOUT_HUB_TOKEN_URL",
        parsers.http_url,
        "Where tokens are fetched; an address ending in `/connect/token` is sent a form instead of JSON",
        otherwise="`{HUB_URL}/auth/token`",
    ),
    Variable(
        "TIEOUT_HUB_CLIENT_ID",
        parsers.text,
        "Partner credentials",
        otherwise="required",
        is_hub_credential=True,
    ),
    Variable(
        "TIEOUT_HUB_CLIENT_SECRET",
        parsers.secret,
        "Partner credentials",
        otherwise="required",
        is_hub_credential=True,
    ),
    _variable(
        "HUB_DIALECT",
        parsers.choice(HubDialect),
        "tesouro",
        "Spelling of paths and headers: tesouro or monite",
    ),
    Variable(
        "TIEOUT_HUB_VERSION",
        parsers.header_value,
        "Value of the version header",
        otherwise="2025-06-23 (monite: 2024-05-25)",
    ),
    _variable(
        "HUB_RATE_PER_SECOND",
        parsers.number(above=0, at_most=10_000, unit="a number of requests"),
        "30",
        "Requests a second that all replicas together may send to the hub",
    ),
    _variable("HUB_TIMEOUT_SECONDS", parsers.seconds, "30", "Total time of one request to the hub"),
    Variable(
        "TIEOUT_WEBHOOK_SECRETS",
        parsers.secrets,
        "Signing secrets of webhook subscriptions, separated by commas; any one may match",
        otherwise="none: webhooks are answered 503",
    ),
    _variable(
        "WEBHOOK_SIGNATURE_HEADERS",
        parsers.header_names,
        "Tesouro-Signature,X-Tesouro-Signature,Monite-Signature",
        "Headers that may carry the signature; the first one present counts",
    ),
    _variable(
        "WEBHOOK_DIGEST",
        parsers.choice(Digest),
        "sha256",
        "Hash of the webhook signature: sha256 or sha512",
    ),
    _variable(
        "WEBHOOK_TOLERANCE_SECONDS",
        parsers.seconds,
        "46800",
        "Age up to which a webhook signature is accepted",
    ),
    Variable(
        "TIEOUT_API_KEYS",
        parsers.api_keys,
        "Callers: `name:role:key` or `name:role:key:organization_id`, separated by commas",
        otherwise="none: one operator key is made and printed once",
    ),
    Variable(
        "TIEOUT_ALERT_CHANNELS",
        parsers.channels,
        "Where alerts go: channel URLs separated by commas",
        otherwise="none: alerts are logged",
    ),
    _variable(
        "ALERT_ALLOW_PRIVATE",
        parsers.boolean,
        "false",
        "Whether channels may lie on loopback or private networks",
    ),
    Variable(
        "TIEOUT_PUBLIC_URL",
        parsers.http_url,
        "Address under which people reach this service",
        otherwise="`http://{LISTEN}`",
    ),
    _variable(
        "POLL_SECONDS",
        parsers.seconds,
        "300",
        "Longest time between reads of an active organization's records",
    ),
    _variable("CONNECTION_SECONDS", parsers.seconds, "300", "Longest time between reads of a connection"),
    _variable(
        "SWEEP_SECONDS",
        parsers.seconds,
        "86400",
        "How often everything is read again, whatever the cursors say",
    ),
    _variable("DIFF_SECONDS", parsers.seconds, "3600", "Longest time between comparisons of both sides"),
    _variable(
        "STALE_SECONDS", parsers.seconds, "7200", "Age of the last pull at which an organization is stale"
    ),
    _variable("STUCK_SECONDS", parsers.seconds, "7200", "Time after which a pending record is stuck"),
    _variable(
        "RETRY_BASE_SECONDS", parsers.seconds, "60", "First step of the backoff for what time can cure"
    ),
    _variable("RETRY_CAP_SECONDS", parsers.seconds, "21600", "Longest step of that backoff"),
    _variable(
        "RETRY_ATTEMPTS", parsers.integer(at_least=0, at_most=1000), "12", "Pushes in all before giving up"
    ),
    _variable(
        "CURE_SECONDS", parsers.seconds, "300", "How often conditions that end a failure are looked at"
    ),
    _variable(
        "CANARY_SECONDS", parsers.seconds, "3600", "How often one record tries out a cure that cannot be seen"
    ),
    _variable(
        "CONFIRM_SECONDS", parsers.seconds, "60", "How often accepted pushes are looked for in the books"
    ),
    _variable("EVIDENCE_SECONDS", parsers.seconds, "7200", "Quiet time after an attempt of unknown outcome"),
    _variable(
        "EVIDENCE_PULLS",
        parsers.integer(at_least=1, at_most=100),
        "2",
        "Pulls needed after an attempt of unknown outcome",
    ),
    _variable("ALERT_GROUP_SECONDS", parsers.seconds, "30", "Wait before the first notification of an alert"),
    _variable(
        "ALERT_REPEAT_SECONDS", parsers.seconds, "14400", "Time between reminders while an alert fires"
    ),
    _variable(
        "ALERT_RESOLVE_SECONDS", parsers.seconds, "300", "Quiet time before an alert counts as resolved"
    ),
    _variable(
        "RETENTION_DAYS",
        parsers.integer(at_least=31, at_most=36_500),
        "400",
        "Days that history is kept, at least 31",
    ),
    Variable(
        "TIEOUT_TELEMETRY_OTLP_URL",
        parsers.http_url,
        "Where OpenTelemetry traces are sent, over HTTP; needs the extra `tieout[telemetry]`",
        otherwise="none: no traces",
    ),
)
