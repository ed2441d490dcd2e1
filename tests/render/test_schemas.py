"""The JSON Schemas: recorded key by key, so that none is taken away unseen."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from advisor.cli import cli
from advisor.cli.schema import NAMES
from advisor.render.forms.schema import schema_of
from advisor.render.forms.table import DOCUMENTS

RECORDED = Path(__file__).parent / "json_keys.txt"


def spelled(schema):
    """A type in one line: ``[Prediction]``, ``integer | null``, ``{string: number}``."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/")[-1].removesuffix("Form")
    if "anyOf" in schema:
        return " | ".join(map(spelled, schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        return " | ".join(map(json.dumps, schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        return f"[{spelled(schema['items'])}]"
    if schema.get("type") == "object" and "additionalProperties" in schema:
        return f"{{string: {spelled(schema['additionalProperties'])}}}"
    return schema["type"]


def keys():
    lines = set()
    for name in DOCUMENTS:
        schema = schema_of(name)
        for definition, part in {name: schema, **schema["$defs"]}.items():
            owner = definition.removesuffix("Form")
            if "properties" not in part:
                lines.add(f"{owner}: {spelled(part)}")
                continue
            assert set(part["required"]) == set(part["properties"])
            lines |= {f"{owner}.{key}: {spelled(s)}" for key, s in part["properties"].items()}
    return sorted(lines)


def test_the_keys_are_the_recorded_ones():
    """After keys were added: ``python tests/render/test_schemas.py`` records them."""
    assert keys() == RECORDED.read_text().splitlines()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_command_prints_each_schema(name):
    outcome = CliRunner().invoke(cli, ["schema", name])
    schema = json.loads(outcome.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["const"] == f"dynadvise/{name}"


def test_the_advice_is_the_default_and_every_name_is_offered():
    assert json.loads(CliRunner().invoke(cli, ["schema"]).stdout) == schema_of("advice")
    assert set(NAMES) == set(DOCUMENTS)


if __name__ == "__main__":
    RECORDED.write_text("\n".join(keys()) + "\n")
