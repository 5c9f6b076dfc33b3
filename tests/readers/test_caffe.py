"""Files of Caffe: published params of released models, the rule of its pools, old notations."""

from typing import Any

import pytest
from caffe_texts import caffenet, conv, entry, googlenet, layer, pool, squeezenet
from conftest import Run, Write
from reports import refused, told

PUBLISHED = [
    pytest.param(caffenet(), 60_965_224, id="caffenet"),
    pytest.param(googlenet(), 6_998_552, id="googlenet"),
    pytest.param(squeezenet(newer=False), 1_248_424, id="squeezenet 1.0"),
    pytest.param(squeezenet(newer=True), 1_235_496, id="squeezenet 1.1"),
]
"""Numbers in the released .caffemodel files, of which the papers print 60 M, 7 M and 1.25 M."""


@pytest.mark.parametrize(("text", "params"), PUBLISHED)
def test_params_are_those_of_the_released_model(run: Run, write: Write, text: str, params: int) -> None:
    assert told(run, write("deploy.prototxt", text))["totals"]["params"] == params


def test_caffenet_multiplies_as_often_as_its_paper_says(run: Run, write: Write) -> None:
    """Krizhevsky et al. with two groups: 724,406,816 MACs, from the shapes of table by table in the paper."""
    assert told(run, write("deploy.prototxt", caffenet()))["totals"]["macs"] == 724_406_816


def test_the_classifier_of_googlenet_reads_1024_channels(run: Run, write: Write) -> None:
    layers = {row["path"]: row["output"] for row in told(run, write("deploy.prototxt", googlenet()))["layers"]}
    assert layers["inception_5b_output"] == [1024, 7, 7]
    assert layers["pool5"] == [1024, 1, 1]


@pytest.mark.parametrize(
    ("size", "window", "stride", "pad", "left"),
    [(112, 3, 2, 0, 56), (113, 3, 2, 0, 56), (8, 2, 2, 1, 5), (7, 2, 2, 1, 4), (13, 3, 2, 1, 7), (32, 3, 2, 0, 16)],
)
def test_a_pool_rounds_up_and_starts_no_window_in_the_padding(
    run: Run, write: Write, *, size: int, window: int, stride: int, pad: int, left: int
) -> None:
    """By hand: ⌈(in + 2·pad − kernel) / stride⌉ + 1, one less where the last would start at in + pad or after it."""
    text = entry(size) + pool("pool", "data", window, stride, pad=pad)
    assert told(run, write("deploy.prototxt", text))["layers"][0]["output"] == [3, left, left]


def test_batch_norm_and_scale_keep_what_a_released_model_holds(run: Run, write: Write) -> None:
    """Means, variances and one factor, which are not trained; a scale and a shift, which are."""
    text = entry(8) + layer("Convolution", "conv", "data", num_output=4, kernel_size=3, bias_term="false")
    text += layer("BatchNorm", "bn", "conv", "conv") + layer("Scale", "scale", "conv", "conv", bias_term="true")
    path = write("deploy.prototxt", text)
    assert told(run, path)["totals"]["params"] == 4 * 27 + 8
    assert told(run, path, "--params", "total")["totals"]["params"] == 4 * 27 + 8 + 9


OLD = """
name: 'old'
input: 'data' input_dim: 10 input_dim: 3 input_dim: 8 input_dim: 8   # the oldest way to say what enters
layers { name: 'conv' type: CONVOLUTION bottom: 'data' top: 'conv'
         convolution_param < num_output: 4 kernel_h: 3 kernel_w: 1 pad_h: 1 pad_w: 0 > }
layers { name: 'relu' type: RELU bottom: 'conv' top: 'conv' }
layers { name: 'ip' type: INNER_PRODUCT bottom: 'conv' top: 'ip' inner_product_param { num_output: 5 } }
layers { name: 'loss' type: SOFTMAX_LOSS bottom: 'ip' bottom: 'label' top: 'loss' include { phase: TRAIN } }
layers { name: 'acc' type: ACCURACY bottom: 'ip' bottom: 'label' include: [{ phase: TEST }] }
"""


def test_layers_of_the_first_version_are_read(run: Run, write: Write) -> None:
    """4 filters of 3×3×1 with biases; 5 outputs of 4×8×8 with biases."""
    report = told(run, write("old.prototxt", OLD))
    assert report["totals"]["params"] == 4 * 9 + 4 + 5 * 256 + 5


def test_weights_of_one_name_are_counted_once(run: Run, write: Write) -> None:
    named = 'param { name: "w" } param { name: "b" }'
    shared = f'layer {{ name: "NAME" type: "InnerProduct" bottom: "data" top: "NAME" {named} '
    shared += "inner_product_param { num_output: 4 } }"
    text = entry(2) + shared.replace("NAME", "one") + shared.replace("NAME", "two")
    assert told(run, write("siamese.prototxt", text))["totals"]["params"] == 12 * 4 + 4


def test_a_slice_makes_several_blobs(run: Run, write: Write) -> None:
    text = (
        entry(8) + 'layer { name: "s" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { slice_point: 1 } }\n'
    )
    text += conv("one", "a", 4, 1) + conv("two", "b", 4, 1) + layer("Eltwise", "sum", "one two", operation="SUM")
    assert told(run, write("sliced.prototxt", text))["totals"]["params"] == (4 + 4) + (8 + 4)


BAD = [
    ('layer { name: "a"', "not closed"),
    ("layer { } }", "closes nothing"),
    ('name: "x', "begins a text that does not end"),
    (entry(8) + layer("Python", "p", "data") + layer("Warp", "w", "p"), "Python, Warp"),
    (
        entry(8) + conv("a", "data", 4, 3) + conv("conv", "elsewhere", 4, 3),
        "reads 'elsewhere', which no layer before it writes",
    ),
    (entry(8) + layer("Convolution", "conv", "data", kernel_size=3), "missing num_output"),
    (
        entry(8) + layer("Convolution", "conv", "data", num_output="x", kernel_size=3),
        "invalid num_output 'x': expected an integer",
    ),
    (entry(2) + conv("conv", "data", 4, 5), "output would be empty"),
    ("name: 'empty'", "0 layers"),
    ("a { " * 100, "nested deeper than 32 levels"),
    (conv("conv", "data", 4, 3), "declares no input"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_is_refused_in_a_sentence(run: Run, write: Write, text: str, said: str) -> None:
    refused(run, write("deploy.prototxt", text), said)


def test_a_network_of_training_is_read_as_it_is_tested(run: Run, write: Write) -> None:
    """The labels enter the loss, which says no sizes of theirs, and the accuracy, which is skipped."""
    data = 'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: PHASE } '
    data += "transform_param { crop_size: SIZE } }"
    text = data.replace("PHASE", "TRAIN").replace("SIZE", "10") + data.replace("PHASE", "TEST").replace("SIZE", "8")
    text += layer("InnerProduct", "fc", "data", num_output=10)
    text += 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }'
    text += 'layer { name: "acc" type: "Accuracy" bottom: "fc" bottom: "label" top: "acc" include { phase: TEST } }'
    report = told(run, write("train_val.prototxt", text))
    assert report["totals"] == {"params": 10 * 3 * 8 * 8 + 10, "macs": 10 * 3 * 8 * 8}
    assert report["layers"][-1]["path"] == "loss"
    assert any("Accuracy" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("kind", "options"), [("InnerProduct", {"num_output": 4, "axis": 2}), ("Flatten", {"axis": 2})]
)
def test_other_axes_are_refused(run: Run, write: Write, kind: str, options: dict[str, Any]) -> None:
    refused(run, write("deploy.prototxt", entry(8) + layer(kind, "odd", "data", **options)), "supported")
