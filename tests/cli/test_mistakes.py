"""Plausible mistakes: each is answered by one error, which says what to write."""

import pytest
from conftest import Run, Write

INPUT = "input = [3, 32, 32]\n"


def rows(*layers: str) -> str:
    """Write an arch file with these rows."""
    return INPUT + "layers = [\n" + "".join(f"{layer},\n" for layer in layers) + "]\n"


def conv(fields: str) -> str:
    """Write an arch file of one convolution with more fields."""
    return rows(f'{{ type = "Conv", out_channels = 8, kernel_size = 3, {fields} }}')


TYPES = {
    "ReLU": '{ type = "Activation", function = "relu" }',
    "Sigmoid": '{ type = "Activation", function = "sigmoid" }',
    "GELU": '{ type = "Activation", function = "gelu" }',
    "HardSwish": '{ type = "Activation", function = "hardswish" }',
    "nn.SiLU": '{ type = "Activation", function = "silu" }',
    "Conv1d": '{ type = "Conv" }',
    "conv2d": '{ type = "Conv" }',
    "ConvTranspose2d": '{ type = "ConvTranspose" }',
    "SeparableConv2D": '{ type = "DepthSepConv" }',
    "DepthwiseConv2D": '{ type = "DepthwiseConv" }',
    "Dense": '{ type = "Linear" }',
    "Upsample": '{ type = "Interpolate" }',
    "UpSampling2D": '{ type = "Interpolate" }',
    "BatchNorm2d": '{ type = "BatchNorm" }',
    "BatchNormalization": '{ type = "BatchNorm" }',
    "LayerNormalization": '{ type = "LayerNorm" }',
    "MaxPool2d": '{ type = "MaxPool" }',
    "AveragePooling2D": '{ type = "AvgPool" }',
    "AdaptiveAvgPool2d": '{ type = "AdaptiveAvgPool" }',
    "GlobalAveragePooling2D": '{ type = "GlobalAvgPool", keepdim = false }',
    "Dropout2d": '{ type = "Dropout" }',
    "ZeroPad2d": '{ type = "Pad" }',
    "Concatenate": '{ type = "Concat" }',
    "MultiHeadAttention": '{ type = "MultiheadAttention" }',
    "SqueezeExcite": '{ type = "SqueezeExcitation" }',
    "Sequential": '{ type = "Block", layers = […] }',
    "InputLayer": "input = [3, 224, 224]",
    "TransformerEncoderLayer": "vit_b_16",
    "BasicBlock": "[templates.NAME]",
    "GroupedQueryAttention": '{ type = "MultiheadAttention", num_kv_heads = 8 }',
    "Conv1x1": '{ type = "Conv", kernel_size = 1 }',
    "AtrousConv": '{ type = "Conv", dilation = 2 }',
    "MoE": '{ type = "MixtureOfExperts" }',
    "MLP": "Linear, Activation and Linear",
    "SwiGLU": "docs/transformers.md",
    "RoPE": "leave it out",
    "ASPP": "[templates.NAME]",
    "Output": "leave it out",
}

LINES = {
    "nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)": (
        '{ type = "Conv", out_channels = 64, kernel_size = 3, padding = 1, bias = false }'
    ),
    "self.conv = nn.Conv2d(64, 128, (1, 3), 2)": (
        '{ type = "Conv", out_channels = 128, kernel_size = [1, 3], stride = 2 }'
    ),
    "layers.Conv2D(32, 3, strides=2, use_bias=False)": (
        '{ type = "Conv", out_channels = 32, kernel_size = 3, stride = 2, bias = false }'
    ),
    "nn.Linear(512, 10)": '{ type = "Linear", out_features = 10 }',
    "nn.ReLU(inplace=True)": '{ type = "Activation", function = "relu" }',
    "nn.MaxPool2d(2, 2)": '{ type = "MaxPool", kernel_size = 2, stride = 2 }',
    "nn.LSTM(64, 128, num_layers=2, batch_first=True)": '{ type = "LSTM", hidden_size = 128, num_layers = 2 }',
}

FILES = {
    "in_channels": (conv("in_channels = 3"), "it is never written: it follows from the layer above"),
    "padding_mode": (conv('padding_mode = "zeros"'), "leave it out: it does not change the cost"),
    "kernel_initializer": (conv('kernel_initializer = "he"'), "leave it out: it does not change the cost"),
    "inputs": (conv('inputs = ["input"]'), 'after = ["a", "b"]'),
    "strides": (conv("strides = 2"), "did you mean 'stride'?"),
    "use_bias": (conv("use_bias = false"), "did you mean 'bias'?"),
    "kernel": (rows('{ type = "Conv", out_channels = 8, kernel = 3 }'), "did you mean 'kernel_size'?"),
    "filters": (rows('{ type = "Conv", filters = 8, kernel_size = 3 }'), "did you mean 'out_channels'?"),
    "units": (rows('{ type = "Flatten" }', '{ type = "Linear", units = 8 }'), "did you mean 'out_features'?"),
    "out_channels of Linear": (
        rows('{ type = "Flatten" }', '{ type = "Linear", out_channels = 8 }'),
        "did you mean 'out_features'?",
    ),
    "pool_size": (rows('{ type = "MaxPool", pool_size = 2 }'), "did you mean 'kernel_size'?"),
    "activation of Activation": (rows('{ type = "Activation", activation = "relu" }'), "did you mean 'function'?"),
    "bn": (conv('norm = "bn"'), 'did you mean "batch"?'),
    "BatchNorm2d as norm": (conv('norm = "BatchNorm2d"'), 'did you mean "batch"?'),
    "ReLU as activation": (conv('activation = "ReLU"'), 'did you mean "relu"?'),
    "swish": (conv('activation = "swish"'), 'did you mean "silu"?'),
    "prelu": (conv('activation = "prelu"'), '{ type = "PReLU" }'),
    "smae": (conv('padding = "smae"'), 'did you mean "same"?'),
    "inline table over two lines": (INPUT + 'layers = [ { type = "Conv",\n out_channels = 8 } ]', "stays on one line"),
    "True": (conv("bias = True"), "true and false are written in lowercase"),
    "None": (conv("norm = None"), "leave the key out"),
    "tuple": (conv("stride = (2, 2)"), "a list stands in square brackets"),
    "a unit without quotes": (rows('{ type = "Flatten" }') + "[budget]\nmacs = 5M\n", 'stands in quotes: "5M"'),
    "no quotes": (rows("{ type = Conv }"), 'text stands in quotes: "Conv"'),
    "colon": (rows('{ type: "Conv" }'), "TOML writes key = value"),
    "below defaults": (
        "[defaults]\nbias = false\n" + rows('{ type = "Flatten" }'),
        "move input and layers above [defaults]",
    ),
    "input below layers": ('[[layers]]\ntype = "Flatten"\ninput = [3, 8, 8]\n', "move input above [[layers]]"),
    "one bracket": (f'{INPUT}[layers]\ntype = "Flatten"\n', "[[layers]]"),
    "one bracket twice": (f'{INPUT}[layers]\ntype = "Flatten"\n[layers]\ntype = "Flatten"\n', "[[layers]] above each"),
    "inptu": (rows('{ type = "Flatten" }').replace("input", "inptu"), "did you mean 'input'?"),
    "activation of Linear": (
        rows('{ type = "Flatten" }', '{ type = "Linear", out_features = 8, activation = "relu" }'),
        'write a row of its own below: { type = "Activation", function = "relu" }',
    ),
    "norm of MaxPool": (rows('{ type = "MaxPool", kernel_size = 2, norm = "batch" }'), '{ type = "BatchNorm" }'),
    "dropout": (conv("dropout = 0.5"), "leave it out: it does not change the cost"),
    "trainable": (conv("trainable = false"), "write frozen = true"),
    "transposed": (conv("transposed = true"), '{ type = "ConvTranspose" }'),
    "causal": (conv("causal = true"), "padding = [[2, 0]]"),
    "size of MaxPool": (rows('{ type = "MaxPool", size = 2 }'), "did you mean 'kernel_size'?"),
    "scale of PixelShuffle": (rows('{ type = "PixelShuffle", scale = 2 }'), "upscale_factor?"),
    "reduction": (rows('{ type = "SqueezeExcitation", reduction = 4 }'), "the channels divided by it"),
    "num_attention_heads": (rows('{ type = "MultiheadAttention", num_attention_heads = 1 }'), "mean 'num_heads'?"),
    "a number in quotes": (conv('stride = "2"'), "numbers stand without quotes: 2"),
    "a list in quotes": (conv('stride = "2x1"'), "numbers stand without quotes: [2, 1]"),
    "a flag in quotes": (conv('bias = "false"'), "it stands without quotes: false"),
    "norm as a flag": (conv("norm = true"), 'did you mean "batch"?'),
    "softmax": (conv('activation = "softmax"'), '{ type = "Softmax" }'),
    "an expression": (conv('dilation = "2 * width"'), "in files with [arguments]"),
    "after as text": (rows('{ type = "Flatten", after = "input" }'), 'write after = ["input"]'),
    "kind": (rows('{ kind = "Flatten" }'), "it is not written kind"),
    "sizes that differ": (
        rows('{ type = "MaxPool", kernel_size = 2 }', '{ type = "Add", after = ["input", "MaxPool1"] }'),
        "input 3×32×32 and 3×16×16",
    ),
}  # fmt: skip

JSON = {
    '{"input": [3, 8, 8], "layers": [{"type": "Flatten"},]}': "a comma too many",
    "{'input': [3, 8, 8]}": "double quotes",
    '{"input": [3, 8, 8], // sizes\n}': "JSON has no comments",
    '{"input": [3, 8, 8], "x": True}': "in lowercase",
}


def one_error(run: Run, *arguments: object) -> str:
    """Return the only error of a command that ends with exit code 2."""
    result = run(*map(str, arguments))
    assert (result.code, result.out, len(result.problems)) == (2, "", 1), result.err
    return result.problems[0]


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_of_another_library_is_answered_with_a_row(kind: str, run: Run, write: Write) -> None:
    assert TYPES[kind] in one_error(run, write("net.toml", rows(f'{{ type = "{kind}" }}')))
    assert TYPES[kind] in one_error(run, "kinds", kind)


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_code_is_answered_with_its_row(line: str, run: Run, write: Write) -> None:
    """As text in quotes, and as it stands."""
    assert LINES[line] in one_error(run, write("text.toml", rows(f'"{line}"')))
    assert LINES[line] in one_error(run, write("code.toml", rows(line.removeprefix("self.conv = "))))


def test_the_row_keeps_the_fields_that_stand_for_something(run: Run, write: Write) -> None:
    text = rows('{ type = "Conv2d", name = "stem", in_channels = 3, out_channels = 8, kernel_size = 3, groups = 1 }')
    row = '{ type = "Conv", name = "stem", out_channels = 8, kernel_size = 3, groups = 1 }'
    assert row in one_error(run, write("net.toml", text))


@pytest.mark.parametrize("mistake", FILES)
def test_a_mistake_in_a_file_is_one_error(mistake: str, run: Run, write: Write) -> None:
    text, words = FILES[mistake]
    assert words in one_error(run, write("net.toml", text))


@pytest.mark.parametrize("text", JSON)
def test_a_mistake_in_json_is_one_error(text: str, run: Run, write: Write) -> None:
    assert JSON[text] in one_error(run, write("net.json", text))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("resnet18 --set layer1.conv1.stride=2", "did you mean 'layer1.1.conv1'?"),
        ("resnet18 --set foo=1", "expected one of arguments, budget"),
        ("kinds attention", "MultiheadAttention"),
        ("list", "flopcount archs"),
        ("ls", "flopcount archs"),
        ("info", "flopcount ARCH counts a network"),
        ("convert", "flopcount import MODEL -o arch.toml"),
        ("gpt3", "did you mean gpt2"),
        ("u-net", "did you mean unet"),
        ("convnext", "did you mean convnext_tiny"),
        ("torchvision.models.resnet50", "did you mean resnet50?"),
        ("microsoft/resnet-50", "did you mean resnet50"),
        ("timm/vit_base_patch16_224", "did you mean vit_base_patch16_224?"),
        ("meta-llama/Meta-Llama-3-8B", "docs/transformers.md"),
        ("bert-base-uncased", "docs/transformers.md"),
        ("gpt2 --set past=9", "did you mean 'arguments.past'?"),
        ("gpt2 --kv-cache 9", "past_length"),
        ("resnet18 --set num_classes=10", "LAYER.FIELD=VALUE"),
        ("resnet50 --set layer1.0.conv1.stride=2", "did you mean 'layer1.1.conv1'?"),
        ("check resnet18 --max-macs 2G", "flopcount import resnet18 -o resnet18.json"),
        ("resnet18 --input_size 224", "--input 224"),
        ("resnet18 --imgsz 640", "--input 224"),
        ("resnet18 --print_per_layer_stat", "layers are always shown"),
        ("resnet18 --latency", "neither time nor energy"),
        ("resnet18 --latency", "--on DEVICE has a lower bound of the time"),
        ("resnet18 --gpu", "--on a100 has the least time on a device"),
        ("memory resnet18 --on a100", "flopcount ARCH --on DEVICE has it"),
        ("memory resnet18 --top 5", "--metrics peak --sort peak --top 5"),
        ("resnet18 --weights a.pth", "weights are not read"),
        ("resnet18 --columns output_size", "did you mean 'output'?"),
        ("resnet18 --columns mult_adds", "did you mean 'macs'?"),
        ("resnet18 --by kind", "did you mean 'type'?"),
        ("resnet18 --format xlsx", "'csv'"),
        ("resnet18 --convention torch-summary", "did you mean 'torchinfo'?"),
        ("yolov8n", "flopcount archs lists all"),
        ("nosuch.onnx", "no such file"),
        ("resnet50 resnet18", "flopcount compare A B"),
        ("import a.onnx x.toml", "-o"),
        ("resnet18 --flops", "--metrics flops"),
        ("resnet18 --memory", "--metrics peak"),
        ("resnet18 --peak-memory", "--metrics peak"),
        ("resnet18 --json", "--format json"),
        ("resnet18 --dtype int8", "--precision int8"),
        ("resnet18 --bits 8", "--precision int8"),
        ("resnet18 -f json", "--format"),
        ("resnet18 -V", "--version"),
        ("resnet18 -q", "standard error"),
        ("resnet18 --no-color", "NO_COLOR=1"),
        ("resnet18 --tokens 128", "--input TOKENS"),
        ("resnet18 --seq-len 128", "--input TOKENS"),
        ("resnet18 --max-macs 5M", "flopcount check FILE --max-macs"),
        ("resnet18 --where flops<1G", "--sort, --top and --by"),
        ("resnet18 --format md", "markdown"),
        ("resnet18 --format yaml", "json"),
        ("resnet18 --format tsv", "csv"),
        ("resnet18 --graph svg", "--graph dot | dot -Tsvg"),
        ("resnet18 --params all", "'total'"),
        ("resnet18 --params buffers", "--params total less --params trainable"),
        ("resnet18 --format html", "--plot FILE.html"),
        ("resnet18 --columns x", "kernel, params_share"),
        ("resnet18 --columns ram", "did you mean 'activations'?"),
        ("resnet18 --convention flops", "write --metrics flops"),
        ("resnet18 --input 64,64", "--input 64x64"),
        ("resnet18 --input 3,64,64", "--input 3x64x64"),
        ("resnet18 --input (1,64,64)", "--input 1x64x64"),
        ("resnet18 --input x=64", "there is no input 'x'"),
        ("resnet18 --width 0.5-1.5", "--width 0.75"),
        ("sweep resnet18 --width 0.5:1.5", "needs a step"),
        ("whatif resnet18 --input 3,64,64", "--input 3x64x64"),
        ("diff", "as in flopcount diff resnet18 model.onnx"),
        ("diff resnet18", "compares two networks"),
        ("compare", "as in flopcount compare resnet18 resnet34"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_error(arguments: str, words: str, run: Run) -> None:
    assert words in one_error(run, *arguments.split())


def test_an_input_with_its_channels_last_is_noticed_on_the_command_line(run: Run) -> None:
    assert "its channels come first: [3, 224, 224]" in run("resnet18", "--input", "224x224x3").out
    assert "channels come first" not in run("resnet18", "--input", "3x224x224").out


def test_inputs_of_an_arch_file_are_sized_by_name(run: Run, write: Write) -> None:
    text = 'input = { a = [3, 8, 8], b = [3, 8, 8] }\nlayers = [{ type = "Add", after = ["a", "b"] }]\n'
    assert "3×16×16" in run(write("net.toml", text), "--input", "a=16,b=16", "--format", "csv").out


def test_a_wrong_key_of_a_claim_is_marked_at_its_line(run: Run, write: Write) -> None:
    text = rows('{ type = "Flatten" }') + '[[claims]]\nsource = "x"\nmac = 5\n'
    assert ":7:1: " in one_error(run, write("net.toml", text))


def test_check_says_what_a_file_is_and_names_no_line_of_a_binary(run: Run, write: Write) -> None:
    result = run("check", write("model.pt", b"\x80\x02" + bytes(range(256))), "--max-macs", "5M")
    assert result.code == 2
    assert "model.pt: FC901 this is a" in result.out + result.err
    assert "torch.export.save(" in result.out + result.err


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("SeparableConv2D", "write DepthSepConv"),
        ("separable", "write DepthSepConv"),
        ("nn.Conv2d", "write Conv"),
        ("DepthSepCon", "did you mean 'DepthSepConv'?"),
        ("Dense", "expected one of ACConv, "),
    ],
)
def test_a_replacement_by_the_word_of_another_tool_names_the_kind(run: Run, kind: str, hint: str) -> None:
    result = run("whatif", "lenet5", "--to", kind)
    assert result.code == 2
    assert result.err.startswith(f"error: --to {kind}: unknown kind; {hint}")
