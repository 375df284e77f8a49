"""The published schema of the hub's API, as a judge of answers.

It is looked for beside the project (`../shared/hub`). Nulls are allowed for every field that is not
required, as the published examples show them.
"""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parents[3] / "shared" / "hub" / "openapi-subset.json"
CHECKS = jsonschema.FormatChecker(formats=[])


@CHECKS.checks("uuid", raises=ValueError)
def is_uuid(value: object) -> bool:
    """Accept what parses as a UUID."""
    return not isinstance(value, str) or bool(uuid.UUID(value))


@CHECKS.checks("date-time", raises=ValueError)
def is_instant(value: object) -> bool:
    """Accept an instant with a zone."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@CHECKS.checks("date", raises=ValueError)
def is_date(value: object) -> bool:
    """Accept a bare date."""
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@CHECKS.checks("uri")
def is_uri(value: object) -> bool:
    """Accept something with scheme and host."""
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


def document() -> dict[str, Any]:
    """Return the document, or skip the test where it is not."""
    if not FILE.exists():
        pytest.skip(f"the published schema is not at {FILE}")
    return _document()


@cache
def _document() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Give method, Tesouro's path, Monite's path and description of every published operation."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict):
                spelled = operation.get("x-tesouro-path") or item.get("x-tesouro-path") or path
                yield method.upper(), spelled, path, operation


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a schema's references, and the one of its alternatives that is not null."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return resolved(document()["components"]["schemas"][name])
    for group in ("allOf", "anyOf"):
        for entry in schema.get(group, ()):
            if entry.get("type") != "null":
                return resolved(entry)
    return schema


@cache
def _components() -> dict[str, Any]:
    components: dict[str, Any] = _with_nulls(_document()["components"])
    return components


def _with_nulls(node: Any) -> Any:
    """Allow null for what is not required."""
    if isinstance(node, list):
        return [_with_nulls(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _with_nulls(value) for name, value in node.items()}
    properties = changed.get("properties")
    if isinstance(properties, dict):
        required = changed.get("required", [])
        changed["properties"] = {
            name: value if name in required else {"anyOf": [value, {"type": "null"}]}
            for name, value in properties.items()
        }
    return changed


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    content = {**json.loads(schema), "components": _components()}
    return jsonschema.Draft202012Validator(content, format_checker=CHECKS)


def complaints(operation: dict[str, Any], status: int, payload: object) -> list[str]:
    """Return what the schema has against an answer; a status that is not declared is judged as an error."""
    described = operation["responses"].get(str(status))
    if described is None:
        name = "HTTPValidationError" if status == 422 else "ErrorSchemaResponse"
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    else:
        schema = described["content"]["application/json"]["schema"]
    errors = _validator(json.dumps(schema)).iter_errors(payload)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]
