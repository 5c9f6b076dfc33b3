"""Files of Caffe: published params of released models, the rule of its pools, old notations."""

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
    (entry(8).replace("dim: 1", "dim: 0") + conv("conv", "data", 4, 3), "invalid sizes 0×3×8×8"),
    (
        entry(8) + layer("InnerProduct", "fc", "data", num_output=4) + layer("Interp", "i", "fc", zoom_factor=2),
        "two axes",
    ),
    (entry(8) + layer("InnerProduct", "fc", "data", num_output="--4"), "invalid num_output"),
    (
        entry(8) + layer("PriorBox", "p", "data").replace("}", "prior_box_param { aspect_ratio: 1e9999999 } }"),
        "aspect_ratio",
    ),
    (entry(8) + layer("Eltwise", "sum", "data data", operation="DIV"), "invalid operation 'DIV'"),
    (entry(8) + layer("ArgMax", "a", "data") + conv("conv", "a", 4, 3), "it reads what a skipped layer writes"),
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


BN = [("", 16, 8), ("bn_param { frozen: true }", 16, 0), ("bn_param { bn_mode: INFERENCE }", 8, 8)]
BN += [("bn_param { shift_filler { value: 0.001 } }", 8, 8)]


@pytest.mark.parametrize(("options", "kept", "trained"), BN)
def test_batch_norms_of_forks_keep_their_blobs(run: Run, write: Write, options: str, kept: int, trained: int) -> None:
    """PSPNet's has four blobs , not trained if frozen, SegNet's two, for 4 channels (bn_layer.cpp)."""
    text = conv("conv", "data", 4, 3) + layer("BN", "bn", "conv").replace("}\n", f"{options} }}\n")
    path = write("bn.prototxt", entry(8) + text)
    assert told(run, path)["totals"]["params"] == 112 + trained
    assert told(run, path, "--params", "total")["totals"]["params"] == 112 + kept


def test_images_of_a_fork_enter_like_others(run: Run, write: Write) -> None:
    """SegNet: DenseImageData has no sizes, for training and testing alike."""
    text = 'layer { name: "data" type: "DenseImageData" top: "data" top: "label" } ' + conv("conv", "data", 4, 3)
    path = write("segnet.prototxt", text)
    refused(run, path, "give it with --input")
    assert told(run, path, "--input", "3x8x8")["totals"] == {"params": 112, "macs": 36 * 108}


RULES = [
    ("include { phase: TEST }", True),
    ("include { phase: 0 }", False),
    ("exclude { phase: TEST stage: 'a' }", False),
    ("include { stage: 'a' not_stage: 'c' }", True),
    ("include { stage: 'a' stage: 'b' }", False),
    ("include { phase: TEST not_stage: 'a' }", False),
    ("include { min_level: 1 } include { max_level: -1 }", False),
    ("exclude { min_level: 0 max_level: 3 }", False),
    ("exclude { stage: 'b' } exclude { phase: TRAIN }", True),
]


@pytest.mark.parametrize(("rules", "kept"), RULES)
def test_a_layer_is_in_the_network_if_a_rule_is_met(run: Run, write: Write, *, rules: str, kept: bool) -> None:
    """Net::StateMeetsRule, in the phase TEST, at level 0 and the stage a."""
    text = layer("InnerProduct", "fc", "data", num_output=2).replace("top:", f"{rules} top:")
    text = "state { stage: 'a' }\n" + entry(4) + layer("InnerProduct", "always", "data", num_output=1) + text
    assert told(run, write("net.prototxt", text))["totals"]["params"] == 49 + kept * 2 * 49


def test_a_batch_in_the_file_is_counted(run: Run, write: Write) -> None:
    """Ten images at once, as in the deploy files of Caffe: 4·27 products at each of 36 positions, ten times."""
    path = write("deploy.prototxt", entry(8).replace("dim: 1 dim: 3", "dim: 10 dim: 3") + conv("conv", "data", 4, 3))
    assert told(run, path)["totals"] == {"params": 112, "macs": 10 * 36 * 108}
    for options in (["--batch", "1"], ["--input", "1x3x8x8"]):
        assert told(run, path, *options)["totals"]["macs"] == 36 * 108
    arch = write("arch.toml", "")
    assert run("import", path, "-o", arch).code == 0
    assert told(run, arch)["totals"]["macs"] == 10 * 36 * 108
    assert run("import", path, "--batch", "1", "-o", arch).code == 0
    assert told(run, arch, "--input", "10")["totals"]["macs"] == 64 * 108


@pytest.mark.parametrize(
    ("rates", "trained"),
    [
        ("param { lr_mult: 0 } param { lr_mult: 0 }", 0),
        ("param { lr_mult: 0 decay_mult: 0 } param { lr_mult: 2 }", 4),
        ("param { lr_mult: 1 } param { lr_mult: 0.0 }", 108),
        ("blobs_lr: 0 blobs_lr: 0 weight_decay: 1", 0),
        ("param { lr_mult: 10 }", 112),
    ],
)
def test_blobs_with_a_learning_rate_of_0_are_not_trainable(run: Run, write: Write, rates: str, trained: int) -> None:
    text = f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" {rates} convolution_param '
    path = write("deploy.prototxt", entry(8) + text + "{ num_output: 4 kernel_size: 3 } }")
    assert told(run, path)["totals"] == {"params": trained, "macs": 36 * 108}
    assert told(run, path, "--params", "total")["totals"]["params"] == 112


BOXES = [
    ("min_size: 60 aspect_ratio: 2 flip: true", 3),
    ("min_size: 60 max_size: 90 aspect_ratio: 2 aspect_ratio: 3", 6),
    ("min_size: 60 min_size: 70 aspect_ratio: 1 aspect_ratio: 2 flip: false", 4),
]
"""Parameters of a PriorBox, and boxes at each position: one for each ratio and size, and one for each larger size."""


@pytest.mark.parametrize(("options", "boxes"), BOXES)
def test_prior_boxes_have_the_sizes_of_ssd(run: Run, write: Write, options: str, boxes: int) -> None:
    """prior_box_layer.cpp: 2 × 4·boxes·positions, and those of several maps one after the other."""
    prior = 'layer { name: "NAME" type: "PriorBox" bottom: "X" bottom: "data" top: "NAME" '
    prior += f"prior_box_param {{ {options} }} }}"
    text = "".join(prior.replace("NAME", f"p{n}").replace("X", x) for n, x in enumerate(("data", "conv")))
    text = entry(8) + conv("conv", "data", 4, 3) + text + layer("Concat", "all", "p0 p1", axis=2)
    report = told(run, write("deploy.prototxt", text))
    assert report["layers"][-1]["output"] == [2, 4 * boxes * (64 + 36)]
    assert report["totals"] == {"params": 112, "macs": 36 * 108}


ROIS = 'layer { name: "rois" type: "Python" bottom: "conv" bottom: "im_info" top: "rois" }\n'
INFO = 'input: "im_info" input_shape { dim: 1 dim: 3 }\n'


def detector(kind: str, **options: object) -> str:
    """Return a detector whose regions an unknown layer makes."""
    roi = layer(kind, "roi", "conv rois").replace(" }\n", "")
    fields = " ".join(f"{key}: {value}" for key, value in options.items())
    roi += f" {kind[:-7].lower()}_pooling_param {{ {fields} }} }}\n"
    head = layer("InnerProduct", "fc", "roi", num_output=5) + layer("Softmax", "prob", "fc")
    return INFO + entry(8) + conv("conv", "data", 4, 3) + ROIS + roi + head


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (detector("ROIPooling", pooled_w=2, pooled_h=3), 24),
        (detector("PSROIPooling", output_dim=4, group_size=2), 16),
    ],
)
def test_each_region_goes_through_the_head(run: Run, write: Write, text: str, reads: int) -> None:
    """Of unknown regions at least one; as many as --input says of the blob that holds them."""
    path = write("test.prototxt", text)
    refused(run, path, "Python")
    report = told(run, path, "--allow-unknown")
    assert report["totals"] == {"params": 112 + 5 * reads + 5, "macs": 36 * 108 + 5 * reads}
    assert (report["at_least"], report["unknown"]) == (True, {"Python": 1})
    for size in ("rois=300x5", "rois=300"):
        report = told(run, path, "--input", size)
        assert (report["totals"]["macs"], "at_least" in report) == (36 * 108 + 300 * 5 * reads, False)


def test_what_an_unknown_layer_writes_has_no_size(run: Run, write: Write) -> None:
    """Caffe does not say what it is, so that a later sum would be refused for sizes that nobody gave."""
    text = entry(8) + layer("Warp", "w", "data") + conv("a", "w", 4, 3) + conv("b", "data", 4, 3)
    text += layer("Eltwise", "sum", "a b") + layer("InnerProduct", "fc", "sum", num_output=2)
    report = told(run, write("deploy.prototxt", text), "--allow-unknown")
    assert report["totals"]["macs"] == 36 * 108 + 144 * 2  # an Eltwise reads blobs of one size
    after = {f"{kind} (after an unsupported one)": 1 for kind in ("Convolution", "ReLU", "Eltwise")}
    assert report["unknown"] == {"Warp": 1, **after}


def test_data_of_a_python_layer_has_the_sizes_of_the_command_line(run: Run, write: Write) -> None:
    text = 'layer { name: "in" type: "Python" top: "data" top: "im_info" }\n' + conv("conv", "data", 4, 3)
    path = write("train.prototxt", text)
    refused(run, path, "Python")
    report = told(run, path, "--allow-unknown")
    assert (report["totals"]["macs"], report["at_least"]) == (0, True)
    assert any("--input data=3x224x224" in note for note in report["notes"])
    assert told(run, path, "--input", "data=3x8x8")["totals"] == {"params": 112, "macs": 36 * 108}


SEQUENCE = 'input: "data" input_shape { dim: 5 dim: 2 dim: 6 } input: "cont" input_shape { dim: 5 dim: 2 }\n'


@pytest.mark.parametrize(
    ("kind", "weights", "biases"),
    [("LSTM", 4 * (6 * 4 + 4 * 4), 16), ("RNN", 6 * 4 + 4 * 4 + 4 * 4, 8)],
)
def test_a_recurrent_layer_reads_time_first(run: Run, write: Write, kind: str, weights: int, biases: int) -> None:
    """lstm_layer.cpp and rnn_layer.cpp: 5 steps of 2 sequences; the state has no bias, the output of an RNN has one."""
    cell = f'layer {{ type: "{kind}" bottom: "data" bottom: "cont" top: "c" recurrent_param {{ num_output: 4 }} }}'
    text = SEQUENCE + cell + layer("InnerProduct", "fc", "c", num_output=3, axis=2)
    report = told(run, write("deploy.prototxt", text))
    assert report["totals"] == {"params": weights + biases + 15, "macs": 5 * 2 * (weights + 12)}


SHAPES = [
    (layer("InnerProduct", "x", "conv", num_output=7, axis=3), "4×6×7", 7 * 6 + 7),
    (layer("Flatten", "x", "conv", axis=2), "4×36", 0),
    (layer("Reshape", "x", "conv").replace("}\n", "reshape_param { shape { dim: 0 dim: 2 dim: -1 } } }\n"), "2×72", 0),
    (layer("Reshape", "x", "conv").replace("}\n", "reshape_param { shape { dim: -1 } axis: 2 } }\n"), "4×36", 0),
    (layer("Reshape", "x", "conv").replace("}\n", "reshape_param { shape { dim: -1 dim: 36 } } }\n"), "4×36", 0),
    (layer("Tile", "x", "conv", axis=1, tiles=3), "12×6×6", 0),
    (layer("Bias", "x", "conv"), "4×6×6", 4),
    (layer("Scale", "x", "conv", bias_term="true", num_axes=-1), "4×6×6", 2 * 144),
    (layer("SPP", "x", "conv", pyramid_height=3), "84", 0),
    (layer("Interp", "x", "conv", zoom_factor=2), "4×11×11", 0),
    (layer("Interp", "x", "conv", shrink_factor=2), "4×3×3", 0),
    (layer("Interp", "x", "conv", shrink_factor=2, zoom_factor=4), "4×9×9", 0),
    (layer("Interp", "x", "conv", height=9, width=5, pad_beg=0), "4×9×5", 0),
    (layer("Upsample", "x", "conv", upsample_h=11, upsample_w=12), "4×11×12", 0),
    (layer("Reorg", "x", "conv", stride=3), "36×2×2", 0),
    (layer("Reorg", "x", "conv", stride=2, reverse="true"), "1×12×12", 0),
    (layer("Convolution", "x", "conv", num_output=3, kernel_size=1, axis=1), "3×6×6", 15),
    (pool("x", "conv", 1, 2), "4×4×4", 0),  # ⌈(6 − 1) / 2⌉ + 1: without padding, a window may begin after the end
    (pool("x", "conv", 3, 2, pad=2), "4×4×4", 0),  # ⌈(6 + 4 − 3) / 2⌉ + 1 = 5 windows, the last begins in the padding
    (layer("Scale", "x", "conv", axis=0, num_axes=0, bias_term="true"), "4×6×6", 2),
    (layer("Flatten", "flat", "conv") + layer("Bias", "x", "flat", axis=1), "144", 144),
    (pool("one", "conv", 6, 1) + layer("Flatten", "c", "one") + layer("Bias", "x", "conv c", axis=0), "4×6×6", 0),
    (layer("Scale", "x", "conv conv", bias_term="true"), "4×6×6", 144),
    (layer("PixelShuffle", "x", "conv", upscale_factor=2), "1×12×12", 0),
    (layer("Pad", "x", "conv", pad_u=1, pad_l=2, pad_r=3), "4×7×11", 0),
]


@pytest.mark.parametrize(
    ("text", "shape", "params"), SHAPES, ids=[f"{text[24:40]} {shape}" for text, shape, _ in SHAPES]
)
def test_a_layer_leaves_the_blob_that_caffe_makes(run: Run, write: Write, text: str, shape: str, params: int) -> None:
    """By the Reshape functions of the layers, for a blob of 4×6×6."""
    report = told(run, write("deploy.prototxt", entry(8) + conv("conv", "data", 4, 3) + text))
    assert report["layers"][-1]["output"] == [int(size) for size in shape.split("×")]
    assert report["totals"]["params"] == 112 + params


def test_a_convolution_of_two_blobs_has_one_set_of_weights(run: Run, write: Write) -> None:
    text = 'layer { name: "c" type: "Convolution" bottom: "data" bottom: "data" top: "a" top: "b" '
    text = entry(8) + text + "convolution_param { num_output: 4 kernel_size: 3 } }" + layer("Eltwise", "s", "a b")
    assert told(run, write("two.prototxt", text))["totals"] == {"params": 112, "macs": 2 * 36 * 108}


def test_a_solver_is_called_one(run: Run, write: Write) -> None:
    path = write("solver.prototxt", 'net: "models/train_val.prototxt"\nbase_lr: 0.01\nlr_policy: "step"\n')
    refused(run, path, "this is a solver, which names its network: count 'models/train_val.prototxt'")


def test_a_network_of_training_alone_is_read_too(run: Run, write: Write) -> None:
    """A stage is not met unless somebody asks for it; of SSD's data a resize says the size."""
    data = 'layer { name: "data" type: "AnnotatedData" top: "data" top: "label" include { phase: TRAIN } '
    data += "transform_param { resize_param { height: 8 width: 8 } } }\n"
    text = data + conv("conv", "data", 4, 3) + conv("more", "data", 4, 3).replace("}\n", 'include { stage: "x" } }\n')
    assert told(run, write("train.prototxt", text))["totals"] == {"params": 112, "macs": 36 * 108}


def test_an_input_that_a_layer_overwrites_still_enters(run: Run, write: Write) -> None:
    text = entry(8) + layer("ReLU", "relu", "data", "data") + conv("conv", "data", 4, 3)
    assert told(run, write("deploy.prototxt", text))["totals"]["macs"] == 36 * 108
