"""Settings: the environment is read whole, every problem is told at once, and no secret is shown."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import SettingsError
from service.settings import KEY_CHARACTERS_MAX, VARIABLES, Address, HubDialect, Role, Settings, Variable

HUB = {
    "TIEOUT_HUB_CLIENT_ID": "partner",
    "TIEOUT_HUB_CLIENT_SECRET": "canary-secret",
    "HOME": "/home/someone",
}
ORGANIZATION = "1b671a64-40d5-491e-99b0-da01ff1f3341"


def problems_of(**variables: str) -> tuple[str, ...]:
    """Read the environment with `variables` added, and return what it complains about."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(HUB | {f"TIEOUT_{name}": value for name, value in variables.items()})
    return caught.value.problems


def test_defaults_need_only_the_hub_credentials() -> None:
    """With nothing but credentials, every setting has the default that the contract names."""
    settings = Settings.from_environment(HUB)
    assert settings.database_url is None
    assert settings.data_dir == Path("/home/someone/.local/share/tieout")
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 8080)
    assert settings.roles == {"web", "worker"}
    assert settings.hub_token_url == "https://api.sandbox.tesouro.com/v1/auth/token"
    assert settings.hub_version == "2025-06-23"
    assert settings.webhook_signature_headers == (
        "Tesouro-Signature",
        "X-Tesouro-Signature",
        "Monite-Signature",
    )
    assert settings.webhook_tolerance_seconds == 46_800
    assert settings.public_url == "http://127.0.0.1:8080"
    assert (settings.retry_base_seconds, settings.retry_cap_seconds, settings.retry_attempts) == (
        60,
        21_600,
        12,
    )
    assert (settings.evidence_seconds, settings.evidence_pulls) == (7200, 2)
    assert settings.retention_days == 400


def test_every_problem_is_told_at_once_by_name() -> None:
    """One start tells everything that is wrong, each by the variable's name."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(
            {
                "HOME": "/home/someone",
                "TIEOUT_LISTEN": "8080",
                "TIEOUT_POLL_SECONDS": "soon",
                "TIEOUT_DATABASE_URL": "mysql://u:canary-secret@h/d",
                "TIEOUT_POL_SECONDS": "3",
            }
        )
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "TIEOUT_POL_SECONDS",
        "TIEOUT_DATABASE_URL",
        "TIEOUT_LISTEN",
        "TIEOUT_HUB_CLIENT_ID",
        "TIEOUT_HUB_CLIENT_SECRET",
        "TIEOUT_POLL_SECONDS",
    ]
    assert "did you mean TIEOUT_POLL_SECONDS?" in caught.value.problems[0]
    assert "canary-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "127.0.0.1"),
        ("LISTEN", "127.0.0.1:70000"),
        ("LISTEN", "a..b:80"),
        ("LISTEN", f"{'a' * 64}.test:80"),
        ("ROLES", "web,cook"),
        ("ROLES", ","),
        ("HUB_URL", "api.tesouro.com/v1"),
        ("HUB_URL", "https://user@api.tesouro.com"),
        ("PUBLIC_URL", "https://:password@tieout.test"),
        ("PUBLIC_URL", "https://tieout.test/?"),
        ("PUBLIC_URL", "https://tieout.test#"),
        ("HUB_URL", "https://api.tesouro.com:port"),
        ("HUB_URL", "http://999.1.1.1/v1"),
        ("HUB_TOKEN_URL", "https://a..b/connect/token"),
        ("HUB_DIALECT", "french"),
        ("HUB_VERSION", "2025\r\nX: y"),
        ("HUB_RATE_PER_SECOND", "0"),
        ("HUB_TIMEOUT_SECONDS", "nan"),
        ("POLL_SECONDS", "inf"),
        ("POLL_SECONDS", "-1"),
        ("WEBHOOK_SECRETS", "one,,two"),
        ("WEBHOOK_DIGEST", "md5"),
        ("WEBHOOK_SIGNATURE_HEADERS", "A Header"),
        ("API_KEYS", "alice"),
        ("API_KEYS", "alice:boss:key"),
        ("API_KEYS", "alice:viewer:"),
        ("API_KEYS", "alice:viewer:key:not-an-id"),
        ("API_KEYS", f"alice:viewer:{'k' * 513}"),
        ("API_KEYS", "alice:viewer:key,bob:viewer:key"),
        ("API_KEYS", "alice:viewer:one,alice:operator:two"),
        ("ALERT_CHANNELS", "somewhere"),
        ("ALERT_CHANNELS", ","),
        ("ALERT_ALLOW_PRIVATE", "perhaps"),
        ("RETRY_ATTEMPTS", "1.5"),
        ("EVIDENCE_PULLS", "0"),
        ("RETENTION_DAYS", "٣"),
        ("RETENTION_DAYS", "30"),
        ("RETRY_CAP_SECONDS", "1"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(name: str, value: str) -> None:
    """A wrong value yields exactly one problem, which names its variable."""
    (problem,) = problems_of(**{name: value})
    assert problem.startswith(f"TIEOUT_{name} ")


def test_a_bound_is_told_in_figures_and_a_key_by_its_caller() -> None:
    """A number's bounds are written out, and of a key that is too long its caller is named."""
    assert problems_of(POLL_SECONDS="0") == (
        "TIEOUT_POLL_SECONDS must be a number of seconds above 0 and at most 31622400",
    )
    long = "k" * (KEY_CHARACTERS_MAX + 1)
    assert problems_of(API_KEYS=f"alice:viewer:{long}") == (
        "TIEOUT_API_KEYS gives alice a key of more than 512 characters",
    )
    assert Settings.from_environment(HUB | {"TIEOUT_API_KEYS": f"alice:viewer:{long[1:]}"}).api_keys


@given(st.sampled_from(VARIABLES), st.text(max_size=60))
def test_no_text_makes_reading_fail_otherwise(variable: Variable, value: str) -> None:
    """Whatever a variable holds, reading gives settings or a SettingsError."""
    problems: tuple[str, ...] = ()
    try:
        settings = Settings.from_environment(HUB | {variable.name: value})
        assert all(settings.secrets())
    except SettingsError as error:
        problems = error.problems
    assert all(problem.startswith(variable.name) for problem in problems)


def test_secrets_are_not_shown() -> None:
    """No secret appears in the settings' own text, and all are handed to the log's mask."""
    settings = Settings.from_environment(
        HUB
        | {
            "TIEOUT_DATABASE_URL": "postgresql://u:canary%2Bpassword@h/d",
            "TIEOUT_WEBHOOK_SECRETS": "canary-one, canary-two",
            "TIEOUT_API_KEYS": "alice:viewer:canary-key",
            "TIEOUT_ALERT_CHANNELS": "pagerduty://canary-routing",
        }
    )
    assert "canary-" not in repr(settings)
    assert {
        "canary-secret",
        "canary-one",
        "canary-two",
        "canary-key",
        "pagerduty://canary-routing",
        "canary+password",
    } <= set(settings.secrets())


def test_lists_are_typed() -> None:
    """Keys, channels and roles arrive as values, not as text."""
    settings = Settings.from_environment(
        HUB
        | {
            "TIEOUT_API_KEYS": f"alice:approver:k1,bob:viewer:k2:{ORGANIZATION}",
            "TIEOUT_ALERT_CHANNELS": "slack+https://hooks.test/x, mailtos://u:p@h?to=a@b.test,c@d.test,webhook+https://h/y",
            "TIEOUT_ROLES": "worker",
            "TIEOUT_LISTEN": "[::1]:0",
        }
    )
    alice, bob = settings.api_keys
    assert (alice.name, alice.role, alice.organization_id) == ("alice", Role.APPROVER, None)
    assert (bob.key.reveal(), bob.organization_id) == ("k2", UUID(ORGANIZATION))
    assert settings.alert_channels == (
        "slack+https://hooks.test/x",
        "mailtos://u:p@h?to=a@b.test,c@d.test",
        "webhook+https://h/y",
    )
    assert settings.roles == {"worker"}
    assert settings.listen == Address(host="::1", port=0)
    assert settings.public_url == "http://[::1]:0"


def test_a_comma_too_many_is_no_part_of_a_channel() -> None:
    """Commas around channel URLs separate and do no more, as in the other lists."""
    text = ",slack+https://hooks.test/x,,\nmailto://u@h?to=a@b.test,c@d.test,"
    assert Settings.from_environment(HUB | {"TIEOUT_ALERT_CHANNELS": text}).alert_channels == (
        "slack+https://hooks.test/x",
        "mailto://u@h?to=a@b.test,c@d.test",
    )


def test_the_dialect_chooses_the_version() -> None:
    """The monite dialect asks for its own version unless told otherwise."""
    monite = HUB | {"TIEOUT_HUB_DIALECT": "monite"}
    assert Settings.from_environment(monite).hub_dialect is HubDialect.MONITE
    assert Settings.from_environment(monite).hub_version == "2024-05-25"
    assert (
        Settings.from_environment(monite | {"TIEOUT_HUB_VERSION": "2023-09-01"}).hub_version == "2023-09-01"
    )


def test_the_token_address_follows_the_hub() -> None:
    """Without an address of its own, tokens come from below the hub's base."""
    settings = Settings.from_environment(HUB | {"TIEOUT_HUB_URL": "http://127.0.0.1:9/v1/"})
    assert settings.hub_url == "http://127.0.0.1:9/v1"
    assert settings.hub_token_url == "http://127.0.0.1:9/v1/auth/token"


def test_empty_counts_as_unset() -> None:
    """A template that renders an empty variable leaves the default in force."""
    assert (
        Settings.from_environment(HUB | {"TIEOUT_DATABASE_URL": "", "TIEOUT_POLL_SECONDS": " "}).poll_seconds
        == 300
    )


def test_commands_without_hub_need_no_credentials() -> None:
    """Migrating needs no hub, so it does not ask for the hub's credentials."""
    settings = Settings.from_environment({"HOME": "/home/someone"}, require_hub=False)
    assert settings.hub_client_id == ""
    assert not settings.hub_client_secret


def test_service_links_of_kubernetes_are_no_settings() -> None:
    """A Service named tieout puts variables into every pod; they are not mistaken for misspelt settings."""
    links = {
        "TIEOUT_SERVICE_HOST": "10.0.0.1",
        "TIEOUT_SERVICE_PORT": "80",
        "TIEOUT_SERVICE_PORT_HTTP": "80",
        "TIEOUT_PORT": "tcp://10.0.0.1:80",
        "TIEOUT_WEB_SERVICE_HOST": "fd00::1",
        "TIEOUT_WEB_SERVICE_PORT": "80",
        "TIEOUT_WEB_PORT_80_TCP": "tcp://[fd00::1]:80",
        "TIEOUT_WEB_PORT_80_TCP_PROTO": "tcp",
        "TIEOUT_WEB_PORT_80_TCP_PORT": "80",
        "TIEOUT_WEB_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert Settings.from_environment(HUB | links) == Settings.from_environment(HUB)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN_PORT", "9090"),
        ("PORT", "9090"),
        ("HUB_SERVICE_HOST", "https://api.tesouro.com"),
        ("HUB_SERVICE_PORT", "443"),
        ("WEB_SERVICE_PORT_HTTP", "80"),
        ("WEB_PORT_80_TCP", "80"),
    ],
)
def test_what_only_sounds_like_a_service_link_is_a_misspelt_setting(name: str, value: str) -> None:
    """A setting that does not exist is told, whatever its name ends in."""
    (problem,) = problems_of(**{name: value})
    assert problem.startswith(f"TIEOUT_{name} is no setting; ")


def test_advice_names_what_is_unwise() -> None:
    """What works but is unwise is said, without the key."""
    settings = Settings.from_environment(
        HUB
        | {
            "TIEOUT_API_KEYS": "alice:viewer:canary",
            "TIEOUT_HUB_URL": "http://hub.test/v1",
            "TIEOUT_DATABASE_URL": "postgresql://u:canary@database.test/d",
        }
    )
    advice = settings.advice()
    assert [line.split(":")[0] for line in advice] == [
        "TIEOUT_API_KEYS",
        "TIEOUT_HUB_URL",
        "TIEOUT_HUB_TOKEN_URL",
        "TIEOUT_DATABASE_URL",
    ]
    assert "canary" not in " ".join(advice)
    assert "sslmode=verify-full&sslrootcert=" in advice[-1], "without a file asyncpg trusts nobody"
