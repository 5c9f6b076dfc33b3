"""Training: what the gradients of each kind cost, compared with what torch multiplied."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flopcount.case import Case, load
from flopcount.errors import UsageError
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


UNLIKE = {"octave": "coarse channels are made of fine ones there", "moe": "two of four experts are run there"}
"""Recorded modules that keep other bytes than the kind, and why."""


@pytest.mark.parametrize(("name", "recorded"), NETWORKS)
def test_a_network_keeps_what_torch_keeps(name: str, recorded: Mapping[str, int]) -> None:
    """Swin's stochastic depth keeps a factor for each of 22 branches, GhostNet's functional dropout two vectors."""
    unseen = {"swin_t": 22 * 4, "ghostnet_100": 2 * 1280 * 4}
    assert trained(name).saved_bytes + unseen.get(name, 0) == recorded["saved_bytes"]


@pytest.mark.parametrize("each", [each for each in RECORDED["kinds"] if each["name"] not in UNLIKE])
def test_a_kind_keeps_what_torch_keeps(each: Mapping[str, Any]) -> None:
    known = {name: each[name] for name in ("input", "layout") if name in each}
    case = Case(network(*each["layers"], **known), batch=each.get("batch"))
    assert (
        case.at(training=Training(freeze=tuple(each.get("freeze", ())))).count.total.saved_bytes == each["saved_bytes"]
    )


def test_what_several_layers_keep_counts_for_the_first() -> None:
    """The input and the output of ReLU, which both heads read; 16·8 and twice 8·4 weights, but those of the first."""
    heads = [row("Linear", name=name, after=["relu"], out_features=4) for name in ("one", "two")]
    rows = row("Linear", out_features=8), row("Activation", name="relu", function="relu"), *heads
    count = Case(network(*rows, input=[16]), training=True).count
    assert [each.saved_bytes for each in count.costs.values()] == [16 * 4, 8 * 4, 32 * 4, 32 * 4]


def test_bytes_follow_the_precision_but_for_indices_and_statistics() -> None:
    """A batch norm keeps 3·8·8 numbers, 3 scales, 6 running and 6 statistics of 32 bits; a pool 3·4·4 indices."""
    rows = row("BatchNorm"), row("MaxPool", kernel_size=2)
    case = Case(network(*rows, input=[3, 8, 8]), training=True)
    assert case.count.total.saved_bytes == 4 * (192 + 3 + 6 + 6) + 4 * 192 + 8 * 48
    assert case.at(precision="float16").count.total.saved_bytes == 2 * (192 + 3 + 6) + 4 * 6 + 2 * 192 + 8 * 48


def test_dropout_keeps_a_factor_for_each_element_unless_it_drops_none() -> None:
    rows = row("Linear", out_features=8), row("Dropout", p=0.5), row("Linear", out_features=2)
    off = row("Dropout", p=0.0)
    some, none = (trained(network(rows[0], each, rows[2], input=[4])).saved_bytes for each in (rows[1], off))
    assert (some, none) == (4 * (4 + 8 + 8 + 16), 4 * (4 + 8 + 16))


def test_dropout_of_channels_and_between_layers_keeps_its_factors() -> None:
    """As saved_tensors_hooks see it in PyTorch 2.13, of two samples: Dropout2d keeps 2·4, an LSTM 2·5·7 factors."""
    conv = row("Conv", out_channels=4, kernel_size=1), row("Conv", out_channels=3, kernel_size=1)
    maps = network(conv[0], row("Dropout", p=0.3, whole_channels=True), conv[1], input=[4, 6, 6])
    lstm = row("LSTM", hidden_size=7, num_layers=2, dropout=0.2)
    tokens = network(row("Linear", out_features=8), lstm, row("Linear", out_features=3), input=[5, 8], layout="tokens")
    assert [Case(each, batch=2, training=True).count.total.saved_bytes for each in (maps, tokens)] == [2448, 8732]


def test_a_checkpoint_keeps_what_its_blocks_read_and_computes_them_again() -> None:
    """As torch.utils.checkpoint.checkpoint(use_reentrant=False) around each stage of ResNet-18."""
    total = trained("resnet18", checkpoint=("layer*",))
    assert total.saved_bytes == 12_926_976
    assert 2 * (total.macs + total.macs_recomputed) == 14_039_506_944
    assert total.macs == trained("resnet18").macs


@pytest.mark.parametrize(("freeze", "macs"), [(("*", "!fc"), 0), (("layer1",), 3 * 128 * 128 * 9 * 28 * 28)])
def test_a_checkpoint_without_a_gradient_is_not_computed_again(freeze: tuple[str, ...], macs: int) -> None:
    """What is before everything that is trained has no backward pass; of stage 2, three convolutions are alike."""
    total = trained("resnet18", checkpoint=("layer2",), freeze=freeze)
    others = 64 * 128 * 9 * 28 * 28 + 64 * 128 * 28 * 28
    assert total.macs_recomputed == (macs + others if macs else 0)


def test_a_checkpoint_whose_first_layer_is_frozen_keeps_what_it_reads() -> None:
    """A block of two convolutions of 4 channels on 6×6, the second trained: the block's input of 4·36 floats."""
    layers = [row("Conv", name=name, out_channels=4, kernel_size=1, bias=False) for name in "ab"]
    whole = network({"type": "Block", "name": "block", "layers": layers}, input=[4, 6, 6])
    total = Case(whole, training=Training(freeze=("block.a",), checkpoint=("block",))).count.total
    assert total.saved_bytes == 4 * 4 * 36


def test_adapters_are_trained_and_all_else_is_frozen() -> None:
    """Rank 8 beside fc and two convolutions of 256·3² and 512·3² numbers each, as modules of torch."""
    total = trained("resnet18", lora="rank=8,layers=fc,layer4.*.conv1")
    assert total.params == 8 * (512 + 1000) + 8 * (256 * 9 + 512) + 8 * (512 * 9 + 512) == 75_584
    assert 2 * total.macs == 4_339_735_424
    assert total.saved_bytes == 31_711_584
    assert trained("resnet18", lora="rank=8,layers=fc", freeze=("!conv1",)).params == 12_096 + 9_536


@pytest.mark.parametrize(
    ("optimizer", "size"),
    [("sgd", 0), ("momentum", 46_758_048), ("adam", 93_516_096), ("adamw", 93_516_096), ("adafactor", 30_730_048)],
)
def test_an_optimizer_keeps_what_that_of_torch_keeps(optimizer: str, size: int) -> None:
    assert trained("resnet18", optimizer=optimizer).optimizer_bytes == size


@pytest.mark.parametrize(
    ("optimizer", "size"),
    [
        ("lion", 4 * (5000 + 600 + 5)),
        ("muon", 4 * (2 * 5000 + 600 + 2 * 5)),  # AdamW for the table and the biases
        ("adamw-8bit", 2 * (5000 + 4 * 20) + 2 * 4 * (600 + 5)),  # ⌈5000 / 256⌉ scales; small tensors as they are
        ("adafactor", 4 * (50 + 100 + 120 + 5 + 5)),
    ],
)
def test_an_optimizer_treats_tables_matrices_and_vectors_in_its_own_way(optimizer: str, size: int) -> None:
    """A table of 50 rows of 100, a matrix of 5 by 120 and 5 biases."""
    rows = (
        row("Embedding", num_embeddings=50, embedding_dim=100),
        row("Take", axis=-1, size=60),
        row("Reshape", size=[120], axes=2),
        row("Linear", out_features=5),
    )
    assert trained(network(*rows, input=[2], layout="tokens"), optimizer=optimizer).optimizer_bytes == size


def test_what_is_frozen_has_no_state() -> None:
    assert trained("resnet18", freeze=("*", "!fc"), optimizer="adam").optimizer_bytes == 8 * 513_000


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"freeze": ("fcc",)}, "--freeze fcc: no layer matches; did you mean 'fc'?"),
        ({"freeze": ("conv1,layer1",)}, "--freeze conv1,layer1: no layer matches; repeat --freeze for each pattern"),
        ({"freeze": ("xyzzy",)}, "--freeze xyzzy: no layer matches; expected one of Flatten8, avgpool, con"),
        ({"freeze": ("a b",)}, "--freeze 'a b': a pattern has no spaces; write ? for one"),
        ({"loss_from": ("fcc",)}, "--loss-from fcc: no layer has this path; did you mean 'fc'?"),
        ({"checkpoint": ("layer5",)}, "--checkpoint layer5: no block matches; did you mean 'layer4'?"),
        ({"optimizer": "adma"}, "--optimizer adma: did you mean 'adam'?"),
        ({"lora": "rank=0,layers=fc"}, "--lora rank=0,layers=fc: write --lora rank=8,layers=PATTERN"),
        ({"lora": "rank=4,layers=fcc"}, "--lora fcc: no layer matches; did you mean 'fc'?"),
        ({"lora": "rank=4,layers=maxpool"}, "--lora maxpool: no layer that matches is linear or a convolution"),
    ],
)
def test_what_matches_nothing_is_an_error_with_a_hint(options: Mapping[str, Any], error: str) -> None:
    with pytest.raises(UsageError) as caught:
        trained("resnet18", **options)
    assert str(caught.value).startswith(error)


def test_a_copy_of_a_view_is_kept_apart_and_a_view_is_not() -> None:
    """A square keeps the 12·6 numbers that a product keeps too, or a copy of them in another order."""
    rows = row("Linear", name="a", out_features=6), row("Transpose"), row("Elementwise", function="square")
    squared = [*rows, row("Mul", after=["a", "a"])]
    copied = [*rows[:2], row("Identity", contiguous=True), rows[2], row("Mul", after=["a", "a"])]
    sizes = [trained(network(*each, input=[12, 4], layout="tokens")).saved_bytes for each in (squared, copied)]
    assert sizes[1] - sizes[0] == 4 * 12 * 6


def test_weights_stay_with_a_layer_whose_bias_is_shared() -> None:
    shared = row("Linear", out_features=8, shared={"bias": 8})
    sizes = [trained(network(each, each, input=[8])).saved_bytes for each in (shared, row("Linear", out_features=8))]
    assert sizes[0] == sizes[1]


def test_a_table_of_relative_positions_keeps_an_index_for_each_pair() -> None:
    """49 pairs of 7 tokens, of which 13·2 numbers are learned; softmax keeps 2·49 numbers."""
    table = row("Parameter", name="table", size=[2, 7, 7], shared={"parameter": 2 * 49 - 26})
    rows = table, row("Elementwise", function="add", after=["input", "table"]), row("Softmax")
    assert trained(network(*rows, input=[2, 7, 7])).saved_bytes == 8 * 49 + 4 * 2 * 49
