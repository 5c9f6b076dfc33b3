"""Files of Darknet: what it prints itself, sizes of published weight files, and every section."""

from decimal import Decimal

import pytest
from conftest import Run, Write
from darknet_texts import conv, darknet53, network, resnet50, section, yolov3, yolov3_tiny
from reports import refused, told

HEADER_BYTES = 20
"""The header of a file of weights: three versions and a count of images."""


@pytest.mark.parametrize(
    ("text", "weight_bytes"),
    [(yolov3_tiny(), 35_434_956), (yolov3(), 248_007_048)],
    ids=["yolov3-tiny.weights", "yolov3.weights"],
)
def test_all_params_together_are_what_a_published_file_of_weights_holds(
    run: Run, write: Write, text: str, weight_bytes: int
) -> None:
    report = told(run, write("model.cfg", text), "--params", "total")
    assert 4 * report["totals"]["params"] + HEADER_BYTES == weight_bytes


TINY = [
    (16, 3, 3, 416),
    (32, 3, 16, 208),
    (64, 3, 32, 104),
    (128, 3, 64, 52),
    (256, 3, 128, 26),
    (512, 3, 256, 13),
    (1024, 3, 512, 13),
    (256, 1, 1024, 13),
    (512, 3, 256, 13),
    (255, 1, 512, 13),
    (128, 1, 256, 13),
    (256, 3, 384, 26),
    (255, 1, 256, 26),
]
"""YOLOv3-tiny: filters, kernel, channels and map of each convolution."""


def test_each_convolution_has_the_bflops_that_darknet_computes(run: Run, write: Write) -> None:
    """make_convolutional_layer: 2·n·size²·c·out_h·out_w / 10⁹."""
    layers = told(run, write("model.cfg", yolov3_tiny()))["layers"]
    flops = [2 * layer["macs"] for layer in layers if layer["macs"]]
    assert flops == [2 * n * size**2 * c * side**2 for n, size, c, side in TINY]


@pytest.mark.parametrize(("size", "bflops"), [(320, "38.97"), (416, "65.86"), (608, "140.69")])
def test_yolov3_has_the_bflops_of_its_page(run: Run, write: Write, size: int, bflops: str) -> None:
    """Redmon, pjreddie.com/darknet/yolo: COCO, 65.86, 38.97 and 140.69 Bn, by 2 for each MAC."""
    report = told(run, write("model.cfg", yolov3(size)))
    assert str(Decimal(2 * report["totals"]["macs"]).scaleb(-9).quantize(Decimal("0.01"))) == bflops


def test_another_input_is_another_network(run: Run, write: Write) -> None:
    path = write("model.cfg", yolov3_tiny())
    resized, written = told(run, path, "--input", "320"), told(run, write("other.cfg", yolov3_tiny(320)))
    assert resized["totals"] == written["totals"]


def test_darknet53_has_53_layers_with_weights(run: Run, write: Write) -> None:
    """52 convolutions, and the classifier that the paper counts as the last one (YOLOv3, table 1)."""
    tail = section("avgpool") + conv(1000, 1, batch_normalize=0, activation="linear") + section("softmax")
    layers = told(run, write("model.cfg", network(256, *darknet53(), tail)))["layers"]
    assert len([layer for layer in layers if layer["macs"]]) == 53


SHAPES = [
    (section("maxpool", size=2, stride=2), "8×6×6"),
    (section("maxpool", size=3, stride=2), "8×6×6"),
    (section("maxpool", size=5, stride=1), "8×12×12"),
    (section("avgpool"), "8×1×1"),
    (section("upsample", stride=2), "8×24×24"),
    (section("reorg", stride=2), "32×6×6"),
    (section("crop", crop_height=7, crop_width=5), "8×7×5"),
    (section("connected", output=10, activation="linear"), "10"),
    (section("deconvolutional", filters=4, size=2, stride=2, activation="relu"), "4×24×24"),
    (section("local", filters=4, size=3, activation="leaky"), "4×10×10"),
    (section("local", filters=4, size=4, stride=2, pad=1, activation="leaky"), "4×6×6"),  # (12 − 1) // 2 + 1
    (section("reorg", extra=3), "1155"),  # make_reorg_layer: inputs + extra, 8·12·12 + 3
    (section("conv", filters=4, size=3, dilation=2, pad=1, groups=2, activation="mish"), "4×12×12"),
    (section("conv", filters=4, size=3, stride_x=2, stride_y=1, activation="swish"), "4×10×5"),
    (section("route", layers=0, groups=2, group_id=1), "4×12×12"),
    (section("route", layers="-1,-2"), "16×12×12"),
    (section("scale_channels", **{"from": -2}), "8×12×12"),
    (section("normalization"), "8×12×12"),
    (section("batchnorm"), "8×12×12"),
    (section("maxpool", maxpool_depth=1, out_channels=3), "3×12×12"),
    (section("history", history_size=3), "24×12×12"),
    (section("implicit", filters=6), "6×1×1"),
    (
        section("implicit_add", filters=8) + section("route", layers=1) + section("shift_channels", **{"from": 2}),
        "8×12×12",
    ),
    (section("connected", output=10) + conv(4, 1), "4×1×1"),
    (section("contrastive", classes=4), "8×12×12"),
    (section("dropout", probability=0.5), "8×12×12"),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES, ids=[text.split()[0] + shape for text, shape in SHAPES])
def test_a_section_leaves_the_map_that_darknet_makes(run: Run, write: Write, text: str, shape: str) -> None:
    """Sizes by the rules of parser.c and the make_*_layer functions, worked out by hand for a 12×12 map."""
    first, second = conv(8, 3), conv(8, 1)
    layers = told(run, write("model.cfg", network(12, first, second, text)))["layers"]
    assert layers[-1]["output"] == [int(size) for size in shape.split("×")]


def test_a_shortcut_takes_as_many_channels_as_the_layer_above_has(run: Run, write: Write) -> None:
    """make_shortcut_layer: what leaves has the sizes of the layer above."""
    wide, narrow = conv(8, 3), conv(4, 3)
    for text in (wide + narrow, narrow + wide):
        path = write("model.cfg", network(12, text, section("shortcut", **{"from": -2})))
        assert told(run, path)["layers"][-1]["type"] == "Add"


BAD = [
    (network(12, section("warp", output=4) + section("weft", output=4)), "warp, weft"),
    ("[net]\nwidth=8\nheight=8\nchannels=3\n", "not a Darknet network"),
    ("[net]\n[convolutional]\nfilters=4\n", "channels, height and width"),
    (network(12, conv(4, 3), section("route", layers=7)), "layer 7 is not one of the 1 layers before it"),
    (network(12, section("conv", filters="many")), "invalid filters 'many': expected an integer"),
    (network(12, section("conv", filters=-4)), "out_channels"),
    (network(12, section("conv", activation="squash")), "unknown activation 'squash'"),
    (network(12, "filters"), "neither [section] nor key=value"),
    (network(2, section("conv", size=5, activation="linear")), "output would be empty"),
    (network(12, conv(4, 3), section("shortcut", **{"from": -1}, weights_type="odd")), "weights_type 'odd'"),
    (network(12, conv(4, 3), section("route")), "missing layers"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_is_refused_in_a_sentence(run: Run, write: Write, text: str, said: str) -> None:
    refused(run, write("model.cfg", text), said)


def test_resnet_50_has_the_bflops_of_its_table(run: Run, write: Write) -> None:
    """CSPNet's README, table of backbones: ResNet-50, 9.74 BFLOPs. Its shortcuts take every second position."""
    report = told(run, write("model.cfg", resnet50()))
    assert str(Decimal(2 * report["totals"]["macs"]).scaleb(-9).quantize(Decimal("0.01"))) == "9.74"


def test_a_shortcut_has_the_map_of_the_layer_above(run: Run, write: Write) -> None:
    """shortcut_cpu: positions and channels that both have are added, whichever of the two has more."""
    coarse = conv(4, 3, 2) + section("shortcut", **{"from": -2})
    fine = conv(8, 3, 2) + section("upsample", stride=2) + section("shortcut", **{"from": -2})
    for text, shape in ((coarse, [4, 6, 6]), (fine, [8, 12, 12])):
        assert told(run, write("model.cfg", network(12, conv(6, 1), text)))["layers"][-1]["output"] == shape


@pytest.mark.parametrize(("kind", "params"), [("none", 0), ("per_feature", 2), ("per_channel", 16)])
def test_a_weighed_shortcut_has_a_number_for_each_layer_or_channel(
    run: Run, write: Write, kind: str, params: int
) -> None:
    """make_shortcut_layer: n + 1 weights, or (n + 1)·c, for n layers beside the one above."""
    added = section("shortcut", **{"from": -2}, weights_type=kind, weights_normalization="softmax")
    report = told(run, write("model.cfg", network(12, conv(8, 3), conv(8, 3), added)), "--params", "total")
    assert report["totals"]["params"] - (27 + 72) * 8 - 2 * 4 * 8 == params


ACTIVATIONS = (
    *("linear", "logistic", "loggy", "relu", "relu6", "elu", "selu", "gelu", "relie", "plse", "hardtan", "lhtan"),
    *("ramp", "leaky", "revleaky", "tanh", "stair", "swish", "mish", "hard_mish", "normalize_channels"),
    *("normalize_channels_softmax", "normalize_channels_softmax_maxval"),
)
"""get_activation of activations.c."""


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_darknet_is_known_and_multiplies_nothing(run: Run, write: Write, name: str) -> None:
    layers = conv(8, 3, activation=name), section("connected", output=5, activation=name)
    report = told(run, write("model.cfg", network(12, *layers)))
    assert report["totals"]["macs"] == 144 * 27 * 8 + 144 * 8 * 5


def wide(*layers: str) -> str:
    """Write a network on 6 numbers."""
    return section("net", inputs=6, batch=8, subdivisions=2, time_steps=16) + "".join(layers)


CELLS = [
    (wide(section("rnn", hidden=5, output=4)), 6 * 5 + 5 * 5 + 5 * 4, 5 + 5 + 4),
    (wide(section("rnn", output=4)), 6 * 4 + 4 * 4 + 4 * 4, 4 + 4 + 4),  # `darknet ops` prints 112
    (wide(section("gru", output=4)), 3 * (6 * 4 + 4 * 4), 6 * 4),
    (wide(section("lstm", output=4)), 4 * (6 * 4 + 4 * 4), 8 * 4),
    (wide(section("lstm", output=4, batch_normalize=1)), 4 * (6 * 4 + 4 * 4), 8 * 4 * 4),
    (wide(section("crnn", hidden=5, output=4, size=1)), 6 * 5 + 5 * 5 + 5 * 4, 5 + 5 + 4),
    (network(12, section("crnn", hidden=5, output=4, pad=1)), 144 * 9 * (15 + 25 + 20), 5 + 5 + 4),
    (network(12, section("conv_lstm", output=4, pad=1)), 144 * 9 * 4 * (12 + 16), 8 * 4),
    (network(12, section("conv_lstm", output=4, pad=1, peephole=1)), 144 * 9 * (4 * (12 + 16) + 3 * 16), 11 * 4),
    (network(12, section("conv_lstm", output=3, pad=1, bottleneck=1)), 144 * 9 * (2 * 9 + 4 * 9), 5 * 3),
]
"""Recurrent sections, the MACs of one step, and the numbers beside the weights, as save_weights writes them."""


@pytest.mark.parametrize(("text", "macs", "others"), CELLS)
def test_a_recurrent_section_is_counted_for_one_step(run: Run, write: Write, text: str, macs: int, others: int) -> None:
    """The make_*_layer functions: each gate a layer of the input and one of the state."""
    report = told(run, write("model.cfg", text), "--params", "total")
    weights = macs // (144 if "width" in text else 1)
    assert report["totals"] == {"params": weights + others, "macs": macs}
    assert any("--batch 16" in note for note in report["notes"]) == ("time_steps" in text)


def test_antialiasing_is_a_fixed_blur_after_a_layer_without_stride(run: Run, write: Write) -> None:
    """make_convolutional_layer: the strides move to a depthwise 3×3, whose numbers no file of weights holds."""
    layers = conv(8, 3, 2, antialiasing=1, batch_normalize=0), section("maxpool", size=2, stride=2, antialiasing=2)
    report = told(run, write("model.cfg", network(12, *layers)), "--params", "total")
    assert report["totals"] == {"params": 27 * 8 + 8, "macs": 144 * 27 * 8 + 36 * 9 * 8 + 9 * 4 * 8}
    assert report["layers"][-1]["output"] == [8, 3, 3]


def test_layers_before_stopbackward_are_not_trainable(run: Run, write: Write) -> None:
    path = write("model.cfg", network(12, conv(8, 1), conv(8, 1, stopbackward=1)))
    assert told(run, path)["totals"]["params"] == 64 + 16
    assert told(run, path, "--params", "weights")["totals"]["params"] == 24 + 64


def test_what_reads_an_unknown_section_is_not_counted_and_listed(run: Run, write: Write) -> None:
    """The size after an unknown section is not known; what an earlier layer gives is."""
    after = section("warp") + conv(4, 3) + section("route", layers=0) + conv(2, 1)
    after += section("shortcut", **{"from": 1})
    report = told(run, write("model.cfg", network(12, conv(8, 1), after)), "--allow-unknown")
    assert report["totals"]["macs"] == 144 * (3 * 8 + 8 * 2)
    listed = {f"{kind} (after an unsupported one)": 1 for kind in ("convolutional", "shortcut")}
    assert report["unknown"] == {"warp": 1, **listed}
    assert report["layers"][-1]["output"] == [2, 12, 12]
    first = told(run, write("first.cfg", network(12, section("warp"), conv(8, 1))), "--allow-unknown")
    assert (first["totals"]["macs"], first["at_least"]) == (0, True)


def test_what_a_width_breaks_is_reported_at_its_line(run: Run, write: Write) -> None:
    """Six filters times 0.67 are four, which three groups do not divide; the second layer begins in line 8."""
    text = "[net]\nchannels=6\nheight=8\nwidth=8\n[conv]\nfilters=6\nsize=1\n[conv]\nfilters=6\ngroups=3\nsize=1\n"
    result = run(write("g.cfg", text), "--width", "0.67")
    assert (result.code, "g.cfg:8:1: convolutional1: groups" in result.err) == (2, True)
