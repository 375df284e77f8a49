"""Tokens: the JSON form, the form-encoded one, and revocation."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from service.simulator.calls import Answer, Call, as_uuid
from service.simulator.problems import invalid, refused

GRANTS = frozenset({"client_credentials", "entity_user"})


def give_token(call: Call) -> Answer:
    """Answer `POST /auth/token`."""
    content = call.json_of({"client_id", "client_secret", "grant_type", "entity_user_id"})
    for name in ("client_id", "client_secret", "grant_type"):
        _text(content, name)
    grant = content["grant_type"]
    if grant not in GRANTS:
        raise invalid(("body", "grant_type"), "value is not a valid enumeration member", "type_error.enum")
    as_uuid(content["client_id"], ("body", "client_id"))
    _check(call, content["client_id"], content["client_secret"])
    return _give(call, _organization_of_user(call, content) if grant == "entity_user" else None)


def give_token_by_form(call: Call) -> Answer:
    """Answer `POST /openid/connect/token`, the OAuth form."""
    if not call.content_type.startswith("application/x-www-form-urlencoded"):
        raise refused(400, "invalid_request: a form is expected")
    content: dict[str, Any] = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    if content.get("grant_type") != "client_credentials":
        raise refused(400, "unsupported_grant_type")
    _check(call, str(content.get("client_id", "")), str(content.get("client_secret", "")))
    return _give(call, None)


def revoke_token(call: Call) -> Answer:
    """Answer `POST /auth/revoke`."""
    content = call.json_of({"client_id", "client_secret", "token"})
    for name in ("client_id", "client_secret", "token"):
        _text(content, name)
    as_uuid(content["client_id"], ("body", "client_id"))
    _check(call, content["client_id"], content["client_secret"])
    call.tokens.revoke(content["token"])
    return Answer(200, {"message": "Token revoked."})


def _organization_of_user(call: Call, content: dict[str, Any]) -> str:
    """Find the one organization that a user's token may see."""
    user_id = content.get("entity_user_id")
    if user_id is None:
        raise invalid(("body", "entity_user_id"), "field required", "value_error.missing")
    organization_id = call.tokens.organization_by_user.get(as_uuid(user_id, ("body", "entity_user_id")))
    if organization_id is None:
        raise refused(401, "Unknown entity user.")
    return organization_id


def _give(call: Call, organization_id: str | None) -> Answer:
    seconds = call.world.behaviour.token_seconds
    token = call.tokens.give(call.now, seconds, organization_id)
    return Answer(200, {"access_token": token.value, "token_type": "Bearer", "expires_in": seconds})


def _check(call: Call, client_id: str, client_secret: str) -> None:
    if not call.tokens.knows(client_id, client_secret):
        raise refused(401, "Invalid client credentials.")


def _text(content: dict[str, Any], name: str) -> None:
    if name not in content:
        raise invalid(("body", name), "field required", "value_error.missing")
    if not isinstance(content[name], str):
        raise invalid(("body", name), "str type expected", "type_error.str")
