"""`repeat` on a layer: a chain of equal layers, numbered like the repetitions of a block."""

import json
from typing import Any

import pytest
from conftest import Run, Write

STEM = '{ type = "Conv", name = "stem", out_channels = 8, kernel_size = 3, padding = 1 }'
MIDDLE = 'type = "Conv", out_channels = 8, kernel_size = 1'


def counted(run: Run, write: Write, layers: str, *options: str, more: str = "") -> dict[str, Any]:
    """Count an arch file."""
    path = write("net.toml", f"input = [3, 8, 8]\nlayers = [\n{layers}\n]\n{more}")
    result = run(path, "--format", "json", *options)
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


def shown(data: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the path and the params of each layer."""
    return [(row["path"], row["params"]) for row in data["layers"]]


def test_a_repeated_layer_is_a_chain_that_later_layers_read_by_its_name(run: Run, write: Write) -> None:
    found = counted(
        run, write, f'{STEM}, {{ {MIDDLE}, name = "c", repeat = 3 }}, {{ type = "Add", after = ["c", "stem"] }}'
    )
    assert shown(found) == [("stem", 224), ("c.1", 72), ("c.2", 72), ("c.3", 72), ("Add3", 0)]


def test_it_costs_what_a_block_of_it_does(run: Run, write: Write) -> None:
    layer = counted(run, write, f"{STEM}, {{ {MIDDLE}, repeat = 5 }}")
    block = counted(run, write, f'{STEM}, {{ type = "Block", repeat = 5, layers = [ {{ {MIDDLE} }} ] }}')
    assert layer["totals"] == block["totals"]


def test_one_repetition_is_the_layer_itself(run: Run, write: Write) -> None:
    assert shown(counted(run, write, f'{{ {MIDDLE}, name = "c", repeat = 1 }}')) == [("c", 32)]


@pytest.mark.parametrize(
    ("option", "expected"), [("c.bias=false", [64, 64]), ("c.2.bias=false", [72, 64]), ("c.repeat=3", [72, 72, 72])]
)
def test_settings_reach_all_repetitions_or_one(option: str, expected: list[int], run: Run, write: Write) -> None:
    found = counted(run, write, f'{STEM}, {{ {MIDDLE}, name = "c", repeat = 2 }}', "--set", option)
    assert [params for path, params in shown(found) if path != "stem"] == expected


def test_in_a_template_it_may_be_an_expression_and_index_counts(run: Run, write: Write) -> None:
    row = '{ type = "Conv", name = "c", repeat = "n", out_channels = "4 * index", kernel_size = 1, bias = false }'
    found = counted(run, write, '{ type = "t", n = 2 }', more=f'[templates.t]\nrequired = ["n"]\nlayers = [{row}]\n')
    assert shown(found) == [("t1.c.1", 3 * 4), ("t1.c.2", 4 * 8)]


def test_whatif_and_import_keep_what_a_repeated_layer_costs(run: Run, write: Write) -> None:
    data = counted(run, write, f'{STEM}, {{ {MIDDLE}, name = "c", repeat = 2 }}')
    path = write("net.toml", "")
    path.write_text(f'input = [3, 8, 8]\nlayers = [{STEM}, {{ {MIDDLE}, name = "c", repeat = 2 }}]\n')
    assert run("import", path, "-o", path.with_suffix(".json")).code == 0
    assert json.loads(run(path.with_suffix(".json"), "--format", "json").out)["totals"] == data["totals"]


@pytest.mark.parametrize("value", ["0", "-1", "2.5", '"x"', "100001"])
def test_what_is_no_number_of_repetitions_is_refused(value: str, run: Run, write: Write) -> None:
    result = run(write("net.toml", f"input = [3, 8, 8]\nlayers = [{{ {MIDDLE}, repeat = {value} }}]\n"))
    assert (result.code, len(result.problems)) == (2, 1), result.err
    assert "repeat" in result.err
