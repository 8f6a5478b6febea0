"""A client that holds every answer against the OpenAPI document: nothing comes back that is not declared there."""

import copy
import json
import re
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from sandbox.web.api import ENDPOINTS, PREFIX
from sandbox.web.api.openapi import document


@cache
def the_document() -> dict[str, Any]:
    """The document as the program serves it."""
    return document(ENDPOINTS)


@cache
def strict() -> dict[str, Any]:
    """The document with every declared object closed: an undeclared name does not fit."""
    return close(copy.deepcopy(the_document()))


def close(schema: Any) -> Any:
    """Objects with declared names take no others."""
    if isinstance(schema, list):
        return [close(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return {name: close(value) for name, value in schema.items()}


def operation_at(path: str, method: str) -> dict[str, Any] | None:
    """The operation that answers an address."""
    for pattern, operations in strict()["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern)), path) and method in operations:
            return operations[method]
    return None


def fits(value: Any, schema: dict[str, Any]) -> list[str]:
    """What of a value does not fit a schema of the document."""
    whole = {**schema, "components": strict()["components"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]


def check(response: TestResponse, path: str, method: str) -> None:
    """The status is documented for the operation, and the body is what the document says."""
    operation = operation_at(path.removeprefix(PREFIX).partition("?")[0], method.lower())
    if operation is None or response.status_code == 405:
        return
    answer = operation["responses"].get(str(response.status_code))
    assert answer, (method, path, response.status_code, response.get_data(as_text=True)[:500])
    if "$ref" in answer:
        answer = strict()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    if "content" not in answer:
        assert response.get_data() == b""
        return
    kind, media = next(iter(answer["content"].items()))
    assert response.mimetype == kind
    if "json" not in kind:
        return
    wrong = fits(json.loads(response.get_data()), media["schema"])
    assert not wrong, (method, path, wrong[:5])


class Checked:
    """A caller by API. `send` takes the address after /api/v1, and raw bytes or anything that becomes JSON."""

    def __init__(self, app: Flask, token: str | None = None, language: str = "en") -> None:
        self._client = app.test_client(use_cookies=False)
        self.headers = {"Accept-Language": language, **({"Authorization": f"Bearer {token}"} if token else {})}

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json",
             **headers: str) -> TestResponse:
        """One request; underscores in header names stand for dashes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self._client.open(PREFIX + path, method=method, data=data, headers={**self.headers, **more},
                                     content_type=kind if data is not None else None)
        check(response, PREFIX + path, method)
        return response

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of a 200."""
        response = self.send("GET", path, **headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def post(self, path: str, body: Any = None, status: int = 200, method: str = "POST", **headers: str) -> Any:
        """The JSON of what an act answers with this status."""
        response = self.send(method, path, {} if body is None else body, **headers)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.get_json()
