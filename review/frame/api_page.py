"""What programs can ask, as a page: read from the OpenAPI description of this server."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str  # path, query, header
    kind: str
    required: bool


@dataclass(frozen=True)
class Endpoint:
    """One thing that programs can ask."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    answer: str  # the name of the model, if it has one


def api_description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI of what lies under /api: pages are for people, and not for programs."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes)
        paths = {path: one for path, one in found["paths"].items() if path.startswith("/api/")}
        app.openapi_schema = {**found, "paths": paths}
    return app.openapi_schema


def endpoints(description: dict[str, Any]) -> Iterator[Endpoint]:
    for path, operations in sorted(description["paths"].items()):
        for method in METHODS:
            if operation := operations.get(method):
                yield endpoint(method, path, operation)


def endpoint(method: str, path: str, operation: dict[str, Any]) -> Endpoint:
    return Endpoint(
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=tuple(map(parameter, operation.get("parameters", ()))),
        answer=answer_of(operation),
    )


def parameter(found: dict[str, Any]) -> Parameter:
    kind = kind_of(found.get("schema", {}))
    return Parameter(found["name"], found["in"], kind, found.get("required", False))


def kind_of(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        kinds = (kind_of(one) for one in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))


def answer_of(operation: dict[str, Any]) -> str:
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if status.startswith("2") and schema:
            return kind_of(schema)
    return ""
