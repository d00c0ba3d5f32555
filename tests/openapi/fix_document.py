"""The document of a gateway that runs, and a check of answers against it that lets nothing pass unsaid."""

import copy
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from fix_gateway import GatewayProcess, free_port
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gateway.openapi.document import build_document
from gateway.openapi.situation import Situation
from gateway.settings import Settings

DAY = date(2026, 11, 20)
URN = "urn:document"
MEDIA_TYPES = {"application/json", "text/plain", "text/html"}


def document_of(**values: Any) -> dict[str, Any]:
    """The document of a gateway with these settings, as JSON gives it."""
    settings = Settings.model_validate_json(json.dumps(values))
    return json.loads(json.dumps(build_document(Situation.of(settings, "1.2.3", DAY))))


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The document of the default settings."""
    return document_of()


@pytest.fixture(scope="session")
def documented_gateway(tmp_path_factory) -> Iterator[GatewayProcess]:
    """One worker and an embedded simulator without limits on frequency, in real time."""
    simulator = {"seed": 20, "frequency_limits": False}
    opend = {"endpoints": [f"127.0.0.1:{free_port()}"], "simulator": simulator}
    process = GatewayProcess(tmp_path_factory.mktemp("documented"), {"opend": opend}).wait_ready()
    yield process
    process.stop()


def closed(node: Any) -> Any:
    """A schema in which no object has a property that the schema does not name."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: closed(each) for name, each in node.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


class Checker:
    """Checks requests and answers against one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = DRAFT202012.create_resource(closed(copy.deepcopy(document)))
        self._registry = Registry().with_resource(URN, resource)

    def operation(self, method: str, path: str) -> dict[str, Any]:
        return self.document["paths"][path][method.lower()]

    def body_errors(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request's body."""
        content = self.operation(method, path)["requestBody"]["content"]
        return self._errors(content["application/json"]["schema"], body)

    def answer_errors(self, method: str, path: str, status: int, headers: Any, text: bytes) -> list[str]:
        """What an answer has that the document does not say of it."""
        answers = self.operation(method, path)["responses"]
        if str(status) not in answers:
            return [f"{status} is not documented"]
        answer = self.resolved(answers[str(status)])
        kind = headers["Content-Type"].partition(";")[0]
        if kind not in answer["content"]:
            return [f"{kind} is not documented"]
        required = {name for name, each in answer["headers"].items() if self.resolved(each).get("required")}
        errors = [f"{name} is missing" for name in required if name not in headers]
        if kind == "application/json":
            errors += self._errors(answer["content"][kind]["schema"], json.loads(text))
        return errors

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        found: Any = self.document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _errors(self, schema: dict[str, Any], instance: Any) -> list[str]:
        absolute = json.loads(json.dumps(schema).replace('"#/', f'"{URN}#/'))
        validator = Draft202012Validator(closed(absolute), registry=self._registry)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]
