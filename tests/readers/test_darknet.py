"""Files of Darknet: what it prints itself, sizes of published weight files, and every section."""

from decimal import Decimal

import pytest
from conftest import Run, Write
from darknet_texts import conv, darknet53, network, section, yolov3, yolov3_tiny
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
    (section("conv", filters=4, size=3, dilation=2, pad=1, groups=2, activation="mish"), "4×12×12"),
    (section("conv", filters=4, size=3, stride_x=2, stride_y=1, activation="swish"), "4×10×5"),
    (section("route", layers=0, groups=2, group_id=1), "4×12×12"),
    (section("route", layers="-1,-2"), "16×12×12"),
    (section("scale_channels", **{"from": -2}), "8×12×12"),
    (section("normalization"), "8×12×12"),
    (section("batchnorm"), "8×12×12"),
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
    (network(12, section("crnn", output=4) + section("gru", output=4)), "crnn, gru"),
    ("[net]\nwidth=8\nheight=8\nchannels=3\n", "not a Darknet network"),
    ("[net]\n[convolutional]\nfilters=4\n", "channels, height and width"),
    (network(12, conv(4, 3), section("route", layers=7)), "layer 7 is not one of the 1 layers before it"),
    (network(12, section("conv", filters="many")), "invalid filters 'many': expected an integer"),
    (network(12, section("conv", filters=-4)), "out_channels"),
    (network(12, section("conv", activation="squash")), "unknown activation 'squash'"),
    (network(12, "filters"), "neither [section] nor key=value"),
    (network(2, section("conv", size=5, activation="linear")), "output would be empty"),
    (network(12, conv(4, 3), section("shortcut", **{"from": -1}, weights_type="per_channel")), "weights_type"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_is_refused_in_a_sentence(run: Run, write: Write, text: str, said: str) -> None:
    refused(run, write("model.cfg", text), said)


@pytest.mark.parametrize("option", ["antialiasing", "maxpool_depth"])
def test_options_that_make_another_layer_are_refused(run: Run, write: Write, option: str) -> None:
    text = f"[net]\nchannels=3\nheight=8\nwidth=8\n[maxpool]\nsize=2\nstride=2\n{option}=1\n"
    refused(run, write("a.cfg", text), option)


def test_what_a_width_breaks_is_reported_at_its_line(run: Run, write: Write) -> None:
    """Six filters times 0.67 are four, which three groups do not divide; the second layer begins in line 8."""
    text = "[net]\nchannels=6\nheight=8\nwidth=8\n[conv]\nfilters=6\nsize=1\n[conv]\nfilters=6\ngroups=3\nsize=1\n"
    result = run(write("g.cfg", text), "--width", "0.67")
    assert (result.code, "g.cfg:8:1: convolutional1: groups" in result.err) == (2, True)
