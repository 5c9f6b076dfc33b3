"""The words of other tools for fields and values, and what stands for them in an arch file.

Read when something is wrong, to say what was meant; no file may use these words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from flopcount.errors import Problem, by_word, nearest, suggestion

_FOLLOWS = (
    "in_channels in_features input_size input_dim num_features normalized_shape in_planes in_dim inplanes input_shape "
    "channels_in num_channels input_channels cin inp"
)
_COSTLESS = (
    "padding_mode eps epsilon momentum inplace return_indices count_include_pad align_corners device dtype "
    "data_format batch_first divisor_override antialias negative_slope alpha approximate center init weights "
    "weight_norm spectral_norm dropout dropout_rate drop attn_drop attn_dropout proj_drop attention_dropout "
    "causal is_causal start_dim end_dim seed need_weights add_zero_attn batch_size dim scale_grad_by_freq max_norm "
    "sparse padding_idx "
)
_COSTLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_init")

_CACHED = (
    "past past_len past_tokens past_sequence_length past_key_values past_key_values_length past_kv_len cache "
    "cache_length cache_size kv_cache kv_len kv_length context_length"
)

FIELDS: Mapping[str, str] = by_word(
    {
        "out_channels": "filters num_filters out_planes output_channels channels cout out_features",
        "out_channels out_features": "num_output",
        "out_features hidden_size": "units",
        "out_features": "out_channels num_classes",
        "out_features out_channels": "out_dim",
        "kernel_size": "kernel kernel_shape filter_size pool_size k",
        "stride": "s strides subsample",
        "padding": "pad pads border",
        "dilation": "dilation_rate",
        "dilation p": "rate",
        "groups num_groups": "num_group",
        "bias": "use_bias bias_term",
        "activation function": "act act_layer activation_fn nonlinearity",
        "function": "activation",
        "norm": "norm_layer bn batch_norm batchnorm normalization",
        "num_heads": "heads nhead n_heads num_attention_heads n_head",
        "head_dim": "key_dim",
        "scale_factor upscale_factor": "scale",
        "scale_factor": "scales",
        "scale_factor upscale_factor downscale_factor": "factor",
        "mode": "interpolation",
        "p": "dropout drop_prob drop_rate",
        "axis embedding_dim": "dim",
        "size": "target_shape shape",
        "squeeze_channels": "squeeze reduction ratio rd_ratio",
        "after": "inputs input from bottom parents reads",
        "name": "id label title",
        "repeat": "times repeats n count",
        "kernel_size scale_factor input": "size",
        "input": "input_size resolution",
        "num_embeddings": "input_dim vocab_size vocabulary vocab",
        "embedding_dim out_features": "output_dim",
        "embedding_dim embed_dim": "d_model embed_size",
        "order axes": "dims",
        "order": "perm",
        "num_kv_heads": "n_kv_heads num_key_value_heads",
        "hidden_features": "d_ff ffn_dim intermediate_size",
        "num_experts": "experts n_experts",
        "top_k": "k_top",
        "hidden_size hidden_features": "hidden_dim hidden",
        "layers files": "network net",
        "files": "arch path paths file pattern glob",
        "path": "name",
        "type": "kind op class layer_type",
        "budget": "budgets limits limit rules",
        "layers": "blocks",
        "past_length": _CACHED,
    }
)
"""The fields that stand for those of other tools; of several, the first that a kind has."""

_DIVIDED = "write squeeze_channels, which is the channels divided by it"
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("reduction", "ratio", "rd_ratio"), _DIVIDED),
    **dict.fromkeys(("trainable", "requires_grad"), "write frozen = true if the parameters are not trained"),
    **dict.fromkeys(("comment", "note", "description"), "a comment begins with #"),
}
"""What to write for fields that mean the opposite, or no field."""

APART: Mapping[str, str] = {
    "prelu": 'its slopes are parameters, so it is a layer of its own: { type = "PReLU" }',
    "softmax": 'it is a layer of its own: { type = "Softmax" }',
    "depthwise": 'it is a kind of its own: { type = "DepthwiseConv" }',
    "causal": "a causal convolution pads before: padding = [[2, 0]] for kernel_size = 3",
}
"""What to write for values that are no values here."""

LONGEST = 40
"""The longest text that is read as numbers in quotes."""

ROWS: Mapping[str, str] = {
    **dict.fromkeys(("activation", "act", "function", "nonlinearity"), '{ type = "Activation", function = "relu" }'),
    **dict.fromkeys(("norm", "bn", "batch_norm", "norm_layer", "use_bn"), '{ type = "BatchNorm" }'),
    **dict.fromkeys(("pool", "pooling", "maxpool", "max_pool"), '{ type = "MaxPool", kernel_size = 2 }'),
    **dict.fromkeys(("se", "se_ratio", "use_se"), '{ type = "SqueezeExcitation", squeeze_channels = 8 }'),
    **dict.fromkeys(("upsample",), '{ type = "Interpolate", scale_factor = 2 }'),
    **dict.fromkeys(("residual", "shortcut", "skip"), '{ type = "Add", after = ["a", "b"] }'),
    **dict.fromkeys(("flatten",), '{ type = "Flatten" }'),
}
"""The rows of their own that stand for fields of other tools, if a kind has no such field."""

KIND_OF: Mapping[str, str] = {
    "transposed": '{ type = "ConvTranspose" }',
    "transpose": '{ type = "ConvTranspose" }',
    "depthwise": '{ type = "DepthwiseConv" }',
    "separable": '{ type = "DepthSepConv" }',
    "depth_multiplier": '{ type = "DepthwiseConv" }',
    "deformable": '{ type = "DeformConv" }',
}
"""The kinds that stand for fields of other tools."""

TYPE = frozenset(("Type", "kind", "op", "op_type", "class", "class_name", "layer", "layer_type", "module", "operator"))
"""The words of other tools for the type of a layer."""

VALUES: Mapping[str, str] = {
    "bn": "batch",
    "ln": "layer",
    "gn": "group",
    "swish": "silu",
    "hswish": "hardswish",
    "cubic": "bicubic",
    "linear": "none",
    "identity": "none",
}
"""The values that stand for those of other tools."""


def meant(key: str, known: Iterable[str]) -> str | None:
    """Return the known field that an unknown key stands for, or is misspelled from; None if there is none."""
    known = [*known]
    found = next((each for each in FIELDS.get(key, "").split() if each in known), None)
    return found if found or key in _FOLLOWS.split() or _is_costless(key) else nearest(key, known)


def _is_costless(key: str) -> bool:
    return key in _COSTLESS.split() or key.endswith(_COSTLESS_ENDINGS)


def field_hint(key: str, known: Sequence[str]) -> str:
    """Return what to write instead of a key that a table does not have."""
    found = meant(key, known)
    if said := _apart(key, known, found):
        return said
    if found == "after" and nearest(key, known) != "after":
        return 'name the layers that it reads: after = ["a", "b"]'
    if found is None and key in _FOLLOWS.split() and "type" not in known:
        return "it is never written: it follows from the layer above"
    if found is None and _is_costless(key):
        return "leave it out: it does not change the cost"
    return f"did you mean {found!r}?" if found else suggestion(key, known)


def _apart(key: str, known: Sequence[str], found: str | None) -> str:
    """Return what to write for a key that no field stands for; empty for any other."""
    if key == "causal" and "padding" in known:
        return APART[key]
    if key in INSTEAD and (found or "type" not in known):
        return INSTEAD[key]
    if found or "name" not in known:
        return ""
    row, kind = ROWS.get(key), KIND_OF.get(key)
    return f"write a row of its own below: {row}" if row else f"it is a kind of its own: {kind}" if kind else ""


def value_hint(value: object, known: Sequence[str], *, is_number: bool = False) -> str:
    """Return what to write instead of a value, where a word of `known` or a number stands; empty if nobody knows."""
    if isinstance(value, Mapping) and "type" in value:
        return "in TOML, a layer begins with [[layers]], in two brackets"
    if isinstance(value, bool):
        word = ("none", "batch" if "batch" in known else "relu")[value]
        return f'did you mean "{word}"?' if word in known else ""
    if isinstance(value, int | float):
        return "did you mean scale_factor or upscale_factor?" if "up" in known else ""
    word = re.sub(r"^(nn|torch)\.|_?norm(alization)?\d?d?$|[ _-]", "", value.lower()) if isinstance(value, str) else ""
    if word in APART:
        return APART[word]
    squeezed = {each.replace("_", ""): each for each in known}
    found = next((each for each in (VALUES.get(word, ""), squeezed.get(word)) if each in known), None)
    found = found or (nearest(word, known) if word else None)
    return f'did you mean "{found}"?' if found else _unquoted(str(value), is_number=is_number) if word else ""


def _unquoted(text: str, *, is_number: bool) -> str:
    """Say how a number, a list or a truth value that stands in quotes is written."""
    if text.lower() in {"true", "false"}:
        return f"it stands without quotes: {text.lower()}"
    numbers = re.fullmatch(r"[\[(]?\s*(\d+(?:\s*[x×,]\s*\d+)*)\s*[\])]?", text[:LONGEST]) if is_number else None
    if numbers:
        found = re.findall(r"\d+", numbers[1])
        listed = ", ".join(found)
        return f"numbers stand without quotes: {listed if len(found) == 1 else f'[{listed}]'}"
    return "expressions are read in templates, and in files with [arguments]" if is_number else ""


UNKNOWN = frozenset(("unknown-key", "unknown-default"))


def one_each(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out that a field is missing if an unknown key of its table stands for it: one mistake is one problem."""
    problems = [*problems]
    absent = [each.place for each in problems if each.code == "missing-field" and each.place]
    unknown = [each.place for each in problems if each.place and (each.code in UNKNOWN or each.place[-1] == "scale")]
    named = set()
    for *table, key in unknown if absent else ():
        found = meant(str(key), [str(name) for *around, name in absent if around == table])
        named |= {(*table, found)} if found else set()
    return [each for each in problems if each.code != "missing-field" or each.place not in named]
