"""Training: what the gradients of each kind cost, compared with what torch multiplied."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flopcount.case import Case, load
from flopcount.network.metrics import Cost
from flopcount.network.network import Network, of_spec
from flopcount.spec.load import validated
from flopcount.spec.text import parsed
from flopcount.spec.training import Training

RECORDED = json.loads((Path(__file__).parents[1] / "oracles" / "training.json").read_text(encoding="utf-8"))
NETWORKS = [pytest.param(name, each, id=name) for name, each in RECORDED["networks"].items()]
KINDS = [pytest.param(each, id=each["name"]) for each in RECORDED["kinds"]]


def network(*layers: Mapping[str, Any], **more: Any) -> Network:
    """Return a network of rows."""
    return of_spec(validated(parsed(json.dumps({"name": "small", **more, "layers": layers}), "json", "small")))


def row(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a row of a network."""
    return {"type": kind, **fields}


def trained(each: Network | str, convention: str = "macs", **more: Any) -> Cost:
    """Return the totals of a step of training."""
    known = load(each) if isinstance(each, str) else each
    return Case(known, training=Training(**more), convention=convention).count.total


@pytest.mark.parametrize(("name", "recorded"), NETWORKS)
def test_a_network_multiplies_what_torch_multiplies_in_training(name: str, recorded: Mapping[str, int]) -> None:
    total = trained(name, "torch")
    assert total.macs_forward == recorded["forward_flops"]
    assert total.macs == recorded["forward_backward_flops"]


@pytest.mark.parametrize("each", KINDS)
def test_a_kind_multiplies_what_torch_multiplies_in_training(each: Mapping[str, Any]) -> None:
    known = {name: each[name] for name in ("input", "layout") if name in each}
    case = Case(network(*each["layers"], **known), batch=each.get("batch"), convention="torch")
    total = case.at(training=Training(freeze=tuple(each.get("freeze", ())))).count.total
    assert (total.macs_forward, total.macs) == (each["forward_flops"], each["forward_backward_flops"])


def test_the_gradient_of_grouped_weights_costs_as_much_as_the_convolution() -> None:
    """Torch counts it as if there were one group: 12,279,700,992 FLOPs of MobileNetV2 in place of 1,782,969,600."""
    assert 2 * trained("mobilenet_v2").macs == 1_782_969_600
    assert trained("mobilenet_v2", "torch").macs == 12_279_700_992


def test_the_parts_add_up_and_the_first_layer_has_no_gradient_of_its_input() -> None:
    total = trained("resnet18")
    assert 2 * total.macs == 10_648_412_160
    assert total.macs == total.macs_forward + total.macs_input_gradient + total.macs_weight_gradient
    assert total.macs_weight_gradient == total.macs_forward
    assert total.macs_forward - total.macs_input_gradient == 118_013_952  # 64·3·7² · 112²


def test_what_is_frozen_has_no_gradients_and_nothing_before_it_either() -> None:
    """Forward 1,814,073,344; of fc only the gradient of 512·1000 weights."""
    total = trained("resnet18", freeze=("*", "!fc"))
    assert 2 * total.macs == 3_629_170_688
    assert total.params == 513_000
    assert (total.macs_input_gradient, total.macs_weight_gradient) == (0, 512_000)


def test_a_spec_says_frozen_as_the_option_does() -> None:
    rows = row("Linear", name="a", out_features=8), row("Linear", name="b", out_features=4)
    said = network({**rows[0], "frozen": True}, rows[1], input=[16])
    asked = trained(network(*rows, input=[16]), freeze=("a",))
    assert trained(said) == asked
    assert (asked.macs, asked.params) == (16 * 8 + 2 * 8 * 4, 36)
    assert trained(said, freeze=("!a",)) == trained(network(*rows, input=[16]))


def test_gradients_start_where_the_loss_is() -> None:
    """Of two heads of one trunk, the other one has no gradients: 16·8 + 8·4 twice, and 8·4 for the trunk."""
    heads = [row("Linear", name=name, after=["trunk"], out_features=4) for name in ("one", "two")]
    both = network(row("Linear", name="trunk", out_features=8), *heads, input=[16])
    assert trained(both).macs == 2 * 128 + 2 * 3 * 32
    assert trained(both, loss_from=("one",)).macs == 2 * 128 + 3 * 32 + 32


def test_a_product_with_a_learned_tensor_has_a_gradient_of_weights() -> None:
    """n·k·m = 4·8·5; what it multiplies needs no gradient."""
    rows = row("Parameter", name="p", size=[8, 5]), row("MatMul", after=["input", "p"])
    total = trained(network(*rows, input=[4, 8], layout="tokens"))
    assert (total.macs_forward, total.macs_input_gradient, total.macs_weight_gradient) == (160, 0, 160)


def test_a_condition_has_no_gradient() -> None:
    rows = (
        row("Linear", name="a", out_features=8),
        row("Elementwise", after=["a", "input"], function="less"),
        row("Linear", out_features=2),
    )
    total = trained(network(*rows, input=[8]))
    assert (total.macs_input_gradient, total.macs_weight_gradient) == (0, 16)


def test_a_convention_without_gradients_counts_the_forward_pass_and_says_so() -> None:
    count = Case(load("resnet18"), training=True, convention="thop").count
    assert count.total.macs == Case(load("resnet18"), convention="thop").count.total.macs
    assert {"training", "forward-only"} <= {note.code for note in count.notes}
