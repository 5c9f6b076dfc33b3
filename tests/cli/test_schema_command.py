"""`flopcount schema`: a JSON Schema that says of arch files what the tool says of them."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from flopcount.cli.main import run as run_command
from flopcount.spec.arch import class_named
from flopcount.spec.budget import Configuration
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import files

CONV = {"type": "Conv", "out_channels": 4, "kernel_size": 3}
HALF_OF_A_CONV = {"type": "Conv", "out_channels": 4}
TYPES = [*KINDS, "Block"]

GOOD: dict[str, dict[str, Any]] = {
    "a layer": {"input": [3, 8, 8], "layers": [CONV]},
    "a link to the schema": {"$schema": "x.json", "input": [3], "layers": [{"type": "Flatten"}]},
    "a name": {"name": "a-1.0", "description": "what it is", "input": [3, 8, 8], "layers": [CONV]},
    "a number for each axis": {"input": [3, 8, 8], "layers": [{**CONV, "stride": [1, 2], "padding": [[1, 0], 1]}]},
    "a required field among the defaults": {
        "input": [3, 8, 8],
        "defaults": {"kernel_size": 3},
        "layers": [HALF_OF_A_CONV],
    },
    "a block": {"input": [3, 8, 8], "layers": [{"type": "Block", "repeat": 2, "layers": [{**CONV, "padding": 1}]}]},
    "a budget": {"input": [3, 8, 8], "layers": [CONV], "budget": {"macs": "1M", "layer": {"params": {"max": 5}}}},
    "budgets": {"input": [3, 8, 8], "layers": [CONV], "budget": [{"weight_bytes": {"max": "1 kB", "bits": 8}}]},
    "a layer that reads the input": {"input": [3, 8, 8], "layers": [CONV, {**CONV, "after": ["input"]}]},
}

BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no input": {"layers": [CONV]},
    "no layers": {"input": [3, 8, 8]},
    "an empty list of layers": {"input": [3, 8, 8], "layers": []},
    "an empty input": {"input": [], "layers": [CONV]},
    "an unknown key": {"input": [3, 8, 8], "layers": [CONV], "inptu": 1},
    "an unknown key of a layer": {"input": [3, 8, 8], "layers": [{**CONV, "strde": 2}]},
    "an unknown key inside a block": {
        "input": [3, 8, 8],
        "layers": [{"type": "Block", "layers": [{**CONV, "strde": 2}]}],
    },
    "an unknown default": {"input": [3, 8, 8], "defaults": {"strde": 2}, "layers": [CONV]},
    "an unknown limit": {"input": [3, 8, 8], "layers": [CONV], "budget": {"mac": 1}},
    "a limit that is no number": {"input": [3, 8, 8], "layers": [CONV], "budget": {"macs": {"max": [1]}}},
    "an unknown kind": {"input": [3, 8, 8], "layers": [{"type": "Covn"}]},
    "no kind": {"input": [3, 8, 8], "layers": [{"out_channels": 4, "kernel_size": 3}]},
    "a string for a number": {"input": [3, 8, 8], "layers": [{**CONV, "out_channels": "4"}]},
    "a truth for a number": {"input": [3, 8, 8], "layers": [{**CONV, "out_channels": True}]},
    "a fraction": {"input": [3, 8, 8], "layers": [{**CONV, "out_channels": 4.5}]},
    "zero": {"input": [3, 8, 8], "layers": [{**CONV, "out_channels": 0}]},
    "more than a billion": {"input": [3, 8, 10**9 + 1], "layers": [CONV]},
    "an unknown padding": {"input": [3, 8, 8], "layers": [{**CONV, "padding": "smae"}]},
    "a name with a blank": {"name": "a b", "input": [3, 8, 8], "layers": [CONV]},
    "a number for truth": {"input": [3, 8, 8], "layers": [{**CONV, "bias": 1}]},
    "a layer that is no table": {"input": [3, 8, 8], "layers": ["Conv"]},
}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what the command writes."""
    path = tmp_path_factory.mktemp("schema") / "arch.schema.json"
    assert run_command(["schema", "-o", str(path)]) == 0
    return json.loads(path.read_text(encoding="utf-8"))


def test_it_is_a_schema_of_the_dialect_it_names(schema: Any) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", files().values(), ids=files())
def test_every_bundled_arch_fits(path: Path, schema: Any) -> None:
    text = path.read_text(encoding="utf-8")
    data = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_what_the_tool_counts_the_schema_accepts(data: dict[str, Any], schema: Any, run: Run) -> None:
    assert run("-", stdin=json.dumps(data).encode()).code == 0
    assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_the_schema_rejects_the_tool_refuses(data: dict[str, Any], schema: Any, run: Run) -> None:
    assert run("-", stdin=json.dumps(data).encode()).code == 2
    assert not Draft202012Validator(schema).is_valid(data)


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_of_every_kind_is_described(kind: str, schema: Any) -> None:
    """Editors show the sentence when a key is typed."""
    properties = schema["$defs"][kind]["properties"]
    assert {*properties} == {*class_named(kind).model_fields, "type"}
    assert [name for name, field in properties.items() if name != "type" and not field.get("description")] == []
    assert schema["$defs"][kind]["description"]


def test_every_key_of_the_file_is_described(schema: Any) -> None:
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []


CONFIGURATIONS: dict[str, tuple[str, bool]] = {
    "nothing": ("", True),
    "files and a base": ('files = "archs/**/*.toml"\nbase = "origin/main"', True),
    "a rule": ('[[budget]]\nfiles = ["a.toml"]\nmacs = { max = "1G", max_increase = ["2%", "1M"] }', True),
    "when": ('[[budget]]\nfiles = "*.toml"\nwhen = { input = [224, "160x128"], width = 0.5 }\nparams = 1', True),
    "an unknown key": ("basis = 1", False),
    "a rule without files": ("[[budget]]\nmacs = 1", False),
    "bits of a count": ('[[budget]]\nfiles = "*"\nmacs = { max = 1, bits = 8 }', False),
    "an exemption without a reason": ('[[exempt]]\nid = "a"\nfiles = "b"\nexpires = 2030-01-01', False),
}


@pytest.mark.parametrize(("text", "fits"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_the_schema_of_configurations_says_what_the_tool_says(run: Run, text: str, fits: bool) -> None:  # noqa: FBT001
    schema = json.loads(run("schema", "--of", "config").out)
    Draft202012Validator.check_schema(schema)
    data = json.loads(json.dumps(tomllib.loads(text), default=str))
    assert Draft202012Validator(schema).is_valid(data) == fits
    try:
        Configuration.model_validate(tomllib.loads(text))
    except ValidationError:
        assert not fits
    else:
        assert fits
