"""Several inputs and several outputs, and variants of a file."""

from typing import Any

import pytest
from conftest import Run, Write
from small_networks import row

from flopcount.errors import SpecError
from flopcount.network.inputs import input_shapes
from flopcount.network.plan import Plan, plan
from flopcount.spec.arch import Arch


def network(inputs: dict[str, list[int]], *layers: Any) -> Plan:
    return plan(Arch.model_validate({"input": inputs, "layers": [*layers]}))


def wiring(net: Plan) -> dict[str, tuple[str, ...]]:
    return {node.path: node.inputs for node in net.nodes}


X_Y = {"x": [3, 8, 8], "y": [5, 8, 8]}


def test_the_first_input_is_what_the_first_layer_reads() -> None:
    net = network(X_Y, row("Flatten", name="a"), row("Flatten", name="b", after=["y"]))
    assert wiring(net) == {"a": ("x",), "b": ("y",)}


def test_inputs_are_known_by_name_and_by_number() -> None:
    names = (["x", "y"], ["input", "input2"], ["x", "input2"])
    nets = [network(X_Y, row("Concat", name="c", after=after)) for after in names]
    assert [wiring(net)["c"] for net in nets] == [("x", "y")] * 3


def test_an_input_that_is_merged_has_its_channels_last(run: Run, write: Write) -> None:
    """Swin, section 3.1: 2×2 neighbors of 12 channels become 24 at each of 4×4."""
    path = write("net.toml", 'input = [8, 8, 12]\nlayers = [{ type = "PatchMerging" }]\n')
    assert "4×4×24" in run(path).out


def test_the_first_input_has_no_number() -> None:
    with pytest.raises(SpecError, match="after names 'input1', which is not an earlier layer"):
        network(X_Y, row("Concat", name="c", after=["input1", "y"]))


def test_inputs_are_known_inside_blocks() -> None:
    block = row("Block", name="b", layers=[row("Flatten", name="f", after=["y"])])
    assert wiring(network(X_Y, row("Flatten"), block))["b.f"] == ("y",)


def test_another_size_is_for_the_first_and_a_batch_for_all() -> None:
    assert {name: shape.dims for name, shape in input_shapes({"x": (3, 8, 8), "y": (5,)}, "16", 2).items()} == {
        "x": (2, 3, 16, 16),
        "y": (2, 5),
    }


@pytest.mark.parametrize("layer", [row("Flatten", name="y"), row("Flatten", name="x"), row("Flatten", name="input2")])
def test_the_name_of_an_input_is_taken(layer: Any) -> None:
    """A layer that is called like an input would be read in its place."""
    with pytest.raises((ValueError, SpecError), match="name"):
        network(X_Y, row("Flatten"), layer)


def test_an_input_is_not_called_like_a_layer_without_a_name() -> None:
    with pytest.raises((ValueError, SpecError), match="Flatten1"):
        network({"x": [3, 8, 8], "Flatten1": [3, 8, 8]}, row("Flatten"), row("Flatten", after=["Flatten1"]))


@pytest.mark.parametrize("value", ["{}", "{ x = 3 }", '{ "a.b" = [3] }', "{ x = [] }", "{ x = [0] }", "{ x = [3.5] }"])
def test_inputs_are_a_table_of_sizes(value: str, run: Run, write: Write) -> None:
    path = write("a.toml", f'input = {value}\nlayers = [{{ type = "Flatten" }}]\n')
    result = run(path)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert result.problems[0].startswith((f"{path}:1:1: invalid input", f"{path}:1:1: input is empty"))


CONTENT = """name = "n"
input = [3, 8, 8]
arguments = { w = 4 }
layers = [{ type = "Conv", out_channels = "w", kernel_size = 1 }]
[defaults]
bias = false
[variants.wide]
arguments = { w = 8 }
[variants."with.bias"]
description = "another"
defaults = { bias = true }
[variants.large]
input = [3, 16, 16]
"""


@pytest.mark.parametrize(
    ("variant", "params", "macs"),
    [((), 12, 768), (("wide",), 24, 1536), (("with.bias",), 16, 768), (("large",), 12, 3072)],
)
def test_a_variant_changes_numbers(variant: tuple[str, ...], params: int, macs: int, run: Run, write: Write) -> None:
    """3·4 weights at 64 places, or as the variant has it, under the variant's name."""
    path = write("n.toml", CONTENT)
    result = run(path, *(("--variant", *variant) if variant else ()), "--format", "json")
    assert f'"totals": {{"params": {params}, "macs": {macs}}}' in result.out
    assert f'"arch": "{variant[0] if variant else "n"}"' in result.out


def test_what_is_set_goes_before_the_variant(run: Run, write: Write) -> None:
    result = run(write("n.toml", CONTENT), "--variant", "wide", "--set", "arguments.w=2", "--format", "json")
    assert '"params": 6,' in result.out


@pytest.mark.parametrize(("word", "meant"), [("wdie", "did you mean 'wide'"), ("zzz", "expected one of large, wide")])
def test_an_unknown_variant_is_answered_with_those_there_are(word: str, meant: str, run: Run, write: Write) -> None:
    path = write("n.toml", CONTENT)
    result = run(path, "--variant", word)
    assert (result.code, result.out, len(result.problems)) == (2, "", 1)
    assert meant in result.err


@pytest.mark.parametrize(
    "variant",
    [
        *('"wide"', "3", "[]", "{ arguments = 3 }", "{ arguments = [] }", "{ defaults = 3 }", "{ input = 3 }"),
        *("{ layers = [] }", '{ name = "x" }', "{ description = 3 }", "{ arguments = { w = [1] } }"),
        *("{ arguments = { v = 1 } }", "{ defaults = { bais = true } }", "{ args = {} }"),
    ],
)
@pytest.mark.parametrize("chosen", [(), ("--variant", "v")], ids=["not chosen", "chosen"])
def test_a_variant_that_is_none_is_refused(variant: str, chosen: tuple[str, ...], run: Run, write: Write) -> None:
    """With its line, whether it is asked for or not; an argument or a default that nobody has too."""
    content = CONTENT.split("[variants", maxsplit=1)[0] + f"[variants]\nv = {variant}\n"
    path = write("n.toml", content)
    result = run(path, *chosen)
    assert (result.code, result.out) == (2, "")
    assert any(line.startswith((f"{path}:7:", f"{path}:8:")) for line in result.problems), result.err


@pytest.mark.parametrize("text", ["arguments.ww=8", "arguments.w.x=8", "arguments.w=nan", "arguments.w=[1]"])
def test_an_argument_that_is_none_cannot_be_set(text: str, run: Run, write: Write) -> None:
    """A misspelt one is not ignored."""
    result = run(write("n.toml", CONTENT), "--set", text)
    assert (result.code, result.out) == (2, "")
    assert f"--set {text}" in result.err
