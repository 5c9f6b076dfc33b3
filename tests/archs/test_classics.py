"""AlexNet to RegNet, Inception to U-Net, HetConv and DualConv against what frameworks and papers have."""

from typing import Any

import pytest
from zoo import counted, leaves, oracle

CLASSICS = oracle("classics")
INCEPTION = oracle("inception")
NETWORKS = [
    dict(zip(table["columns"], row, strict=True))
    for table in (CLASSICS["networks"], INCEPTION)
    for row in table["rows"]
]
EACH = pytest.mark.parametrize("network", [pytest.param(each, id=each["name"]) for each in NETWORKS])
TORCH = {"Conv": "Conv2d", "BatchNorm": "BatchNorm2d", "Linear": "Linear"}


@EACH
def test_a_network_is_as_recorded(network: dict[str, Any]) -> None:
    """Input, params, MACs, weights, running statistics, and the numbers of convolutions (also in gates) and norms."""
    result = counted(network["name"])
    tallies = [step.tally for step in result.trace.steps.values()]
    kinds = [step.kind for step in leaves(result)]
    assert {
        "input": [*result.trace.input.dims],
        **result.total,
        "weights": sum(tally.weighed({"weight": 1}) for tally in tallies),
        "running": sum(tally.weighed({"running": 1}) for tally in tallies),
        "convolutions": kinds.count("Conv") + kinds.count("DepthwiseConv"),
        "batch_norms": kinds.count("BatchNorm"),
    }.items() <= network.items()


@pytest.mark.parametrize("name", CLASSICS["layers"]["networks"])
def test_layer_by_layer(name: str) -> None:
    """Kind, output, params and MACs of all modules with parameters, in the order they run."""
    result = counted(name)
    found = [
        [TORCH[step.kind], [*step.shape.dims], *result.cost(step).values()]
        for step in leaves(result)
        if step.kind in TORCH
    ]
    assert found == CLASSICS["layers"]["networks"][name]


@pytest.mark.parametrize(("name", "params", "macs"), CLASSICS["recomputed"]["rows"])
def test_params_and_macs_as_recomputed(name: str, params: int, macs: int) -> None:
    assert tuple(counted(name).total.values()) == (params, macs)


@pytest.mark.parametrize(("name", "channels"), [("vgg11", 2752), ("vgg13", 2944), ("vgg16", 4224), ("vgg19", 5504)])
def test_batch_norms_add_two_params_per_channel(name: str, channels: int) -> None:
    plain, normalized = counted(name).total, counted(f"{name}_bn").total
    assert (normalized.params, normalized.macs) == (plain.params + 2 * channels, plain.macs)


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("densenet169", 14149480, "3.360"),
        ("densenet201", 20013928, "4.291"),
        ("densenet161", 28681000, "7.728"),
        ("regnet_y_400mf", 4344144, "0.402"),
    ],
)
def test_variants_as_torchvision_publishes_them(name: str, params: int, macs: str) -> None:
    """Params exactly, MACs in billions with three decimals."""
    total = counted(name).total
    assert (total.params, f"{total.macs / 10**9:.3f}") == (params, macs)


def test_resnet34_with_the_shortcuts_of_option_a() -> None:
    """The three projections cost 19,267,584 MACs and 172,032 weights with 896 scales and shifts twice."""
    result = counted("resnet34", settings=("arguments.projection=false",))
    assert tuple(result.total.values()) == (21797672 - 172032 - 2 * 896, 3644493824)


def test_keras_resnet50_is_the_first_version_with_biases() -> None:
    """Keras counts the running statistics too."""
    result = counted("resnet50_v1", settings=("defaults.bias=true",), params="total")
    assert tuple(result.total.values()) == (25636712, 3857973248)


@pytest.mark.parametrize(
    ("name", "blocks"), [("resnet20_cifar", 3), ("resnet32_cifar", 5), ("resnet44_cifar", 7), ("resnet110_cifar", 18)]
)
def test_cifar_resnets_by_depth(name: str, blocks: int) -> None:
    """A block more in each layer is 2·9·(16² + 32² + 64²) weights, 4·(16 + 32 + 64) scales and shifts."""
    assert counted(name).total.params == 853018 + (blocks - 9) * (96768 + 448)


def test_deployed_repvgg() -> None:
    """Nine in ten weights of the convolutions stay; all norms become one bias per channel."""
    assert tuple(counted("repvgg_a0_deploy").total.values()) == (
        7804320 * 9 // 10 + 4496 + 1281000,
        1511301120 * 9 // 10 + 1280000,
    )


def test_trained_and_deployed_repvgg_leave_the_same_maps() -> None:
    trained, deployed = (counted(name).trace.steps.values() for name in ("repvgg_a0", "repvgg_a0_deploy"))
    assert [step.shape.dims for step in trained] == [step.shape.dims for step in deployed]


@pytest.mark.parametrize("p", [1, 2, 4, 8, 16, 32, 64])
def test_hetconv_vgg16_for_each_p(p: int) -> None:
    """1/p + (1 - 1/p)/9 of 311,427,072 MACs; the first convolution and the classifier keep 2,036,736."""
    result = counted("hetconv_vgg16", settings=(f"arguments.p={p}",))
    assert result.total.macs == 311427072 * (p + 8) // (9 * p) + 2036736
    assert result.standard_total is not None
    assert result.standard_total.macs == 313463808


@pytest.mark.parametrize(("p", "macs"), [(1, 4089184256), (4, 2856058880)])
def test_hetconv_resnet50_for_each_p(p: int, macs: int) -> None:
    """The 3×3 convolutions have 1,849,688,064 MACs, of which p = 4 leaves a third."""
    assert counted("hetconv_resnet50", settings=(f"arguments.p={p}",)).total.macs == macs


@pytest.mark.parametrize("name", ["resnet50", "resnet56_cifar"])
def test_hetconv_with_p_1_is_the_network_itself(name: str) -> None:
    converted = counted(f"hetconv_{name.removesuffix('_cifar')}", settings=("arguments.p=1",))
    assert converted.total == counted(name).total


@pytest.mark.parametrize("g", [2, 4, 8, 16, 32, 64])
def test_dualconv_vgg16_for_each_g(g: int) -> None:
    """1/g + 1/9 of 311,427,072 MACs; the first convolution and the classifier keep 1,774,592."""
    result = counted("dualconv_vgg16", settings=(f"arguments.g={g}",))
    assert result.total.macs == 311427072 // g + 311427072 // 9 + 1774592


@pytest.mark.parametrize(("name", "params"), INCEPTION["with_auxiliary_heads"].items())
def test_auxiliary_heads_come_with_the_variant(name: str, params: int) -> None:
    assert counted(name).total.params == params


def test_googlenet_with_the_kernels_of_the_paper() -> None:
    """Its nine 5×5 convolutions have 16·(reduce · five) more weights each, 380,928 in all."""
    more = counted("googlenet_5x5").total.params - counted("googlenet").total.params
    assert more == 380928


def test_unet_layer_by_layer() -> None:
    """Map sizes, params and MACs of every convolution, by hand from the paper's figure."""
    figures, result = oracle("unet"), counted("unet")
    found = [
        [path, [*step.shape.dims], *result.cost(step).values()]
        for path, step in result.trace.steps.items()
        if "Conv" in step.kind
    ]
    assert found == figures["rows"]
    assert tuple(result.total.values()) == (figures["params"], figures["macs"])


@pytest.mark.parametrize(
    ("skip", "size"), [("skip4", [512, 56, 56]), ("skip3", [256, 104, 104]), ("skip2", [128, 200, 200])]
)
def test_unet_crops_its_skips_to_what_comes_up(skip: str, size: list[int]) -> None:
    assert [*counted("unet").trace.steps[skip].shape.dims] == size


@pytest.mark.parametrize(("size", "macs"), [(232, 5_478_392_832), (260, 8_901_914_112)])
def test_swin_v2_pads_odd_maps(*, size: int, macs: int) -> None:
    """FlopCounterMode / 2 with torchvision 0.28: maps of 29 and 65 are padded before neighbors are merged."""
    assert counted("swin_v2_t", size=f"{size}").total["macs"] == macs
