"""What the operators of torch keep for the backward pass, kind by kind.

Source: tools/autograd/derivatives.yaml of torch 2.13, where a formula names what it needs; an operator without a row
needs nothing of what it read or wrote.
"""

from collections.abc import Mapping

INPUT, INPUTS, OUTPUT, OTHER, FACTORS, DIVISION = "input", "inputs", "output", "other", "factors", "division"
TRAINED_INPUT, WEIGHT, USED_WEIGHT, PARAMETERS, USED_PARAMETERS = (
    *("trained input", "weight", "used weight"),
    *("parameters", "used parameters"),
)
SCALE, AFFINE, RUNNING, STATISTICS, ROWS = "scale", "affine", "running", "statistics", "rows"
INDICES, IDS, TABLE, CONDITION, MASK = "indices", "ids", "table", "condition", "mask"

WORDS: Mapping[str, str] = {
    INPUT: "the first that is read",
    INPUTS: "all that is read",
    OUTPUT: "what is written",
    OTHER: "the second that is read",
    FACTORS: "each of two that are read if the other one needs a gradient",
    DIVISION: "the divisor, and the dividend if the divisor needs a gradient",
    TRAINED_INPUT: "the first that is read if weights are trained",
    WEIGHT: "weights",
    USED_WEIGHT: "weights if what is read needs a gradient",
    PARAMETERS: "all parameters",
    USED_PARAMETERS: "all parameters if what is read needs a gradient",
    SCALE: "the scale of a normalization",
    AFFINE: "the scale and the shift of a normalization",
    RUNNING: "running means and variances",
    STATISTICS: "a mean and a deviation for each channel, of 32 bits",
    ROWS: "a mean and a deviation for each position, of 32 bits",
    INDICES: "an index of 64 bits for each element that is written",
    IDS: "what is read, as indices of 64 bits",
    TABLE: "an index of 64 bits for each pair of tokens",
    CONDITION: "the first that is read, as bytes",
    MASK: "a factor for each element that is written",
}
"""What can be kept."""

KEPT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Conv", "DepthwiseConv", "GroupConv", "HetConv", "ConvTranspose"), (INPUT, WEIGHT)),
    **dict.fromkeys(("TiedBlockConv", "PartialConv", "LocallyConnected", "WinogradConv"), (INPUT, WEIGHT)),
    **dict.fromkeys(("CoordConv", "AdderConv", "BinaryConv", "SparseConv"), (INPUT, WEIGHT)),
    "Sampling": (INPUTS,),
    "Linear": (TRAINED_INPUT, USED_WEIGHT),
    "Mixing": (TRAINED_INPUT,),
    **dict.fromkeys(("MatMul", "Einsum", "Mul", "Mix", "Elementwise mul"), (FACTORS,)),
    "LinearAttention": (INPUTS,),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), (TRAINED_INPUT, WEIGHT)),
    "BatchNorm": (INPUT, SCALE, RUNNING, STATISTICS),
    "InstanceNorm": (INPUT,),
    "LayerNorm": (INPUT, AFFINE, ROWS),
    "GroupNorm": (INPUT, SCALE),
    "RMSNorm": (INPUT, SCALE),
    "LocalResponseNorm": (INPUT,),
    "PReLU": (INPUT, PARAMETERS),
    "LayerScale": (TRAINED_INPUT, USED_PARAMETERS),
    "Affine": (TRAINED_INPUT, SCALE),
    **dict.fromkeys(("ReLU", "Sigmoid", "Tanh", "Softmax"), (OUTPUT,)),
    **dict.fromkeys(("ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish"), (INPUT,)),
    **dict.fromkeys(("Hardsigmoid", "Hardswish", "Hardtanh", "Softplus"), (INPUT,)),
    "Softsign": (INPUT, MASK),
    "Dropout": (MASK,),
    **dict.fromkeys(("MaxPool", "AdaptiveMaxPool"), (INPUT, INDICES)),
    **dict.fromkeys(("AvgPool", "AdaptiveAvgPool"), (INPUT,)),
    "GlobalMaxPool": (INPUT, OUTPUT),
    **dict.fromkeys((f"Reduce {each}" for each in ("max", "min", "prod", "l2", "logsumexp")), (INPUT, OUTPUT)),
    "Reduce l1": (INPUT,),
    "ChannelPool": (INPUT,),
    "Embedding": (IDS,),
    "RelativePosition": (TABLE,),
    "Elementwise div": (DIVISION,),
    **dict.fromkeys(("Elementwise min", "Elementwise max"), (INPUTS,)),
    **dict.fromkeys((f"Elementwise {each}" for each in ("exp", "sqrt", "tan", "reciprocal")), (OUTPUT,)),
    **dict.fromkeys((f"Elementwise {each}" for each in ("square", "clip", "abs", "log", "erf")), (INPUT,)),
    **dict.fromkeys((f"Elementwise {each}" for each in ("pow", "sin", "cos", "atan")), (INPUT,)),
    "Elementwise where": (CONDITION,),
}
"""What a step without parts keeps, by its kind; a step may say otherwise, and name elements that it computes."""

VIEWS = frozenset(
    (
        *("Identity", "StochasticDepth", "Constants", "Flatten", "Reshape", "ToTokens", "ToMap", "Transpose"),
        *("ChannelsLast", "ChannelsFirst", "Permute", "Slice", "Split", "Take", "Expand", "Crop", "SelectToken"),
    )
)
"""The kinds that write nothing: what they give is what they read, seen in another way."""
