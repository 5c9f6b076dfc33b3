"""The words of other tools for fields and values, and what stands for them in an arch file.

Read when something is wrong, to say what was meant; no file may use these words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from flopcount.errors import Problem, nearest, suggestion

_FOLLOWS = (
    "in_channels in_features input_size input_dim num_features normalized_shape in_planes in_dim inplanes input_shape "
    "channels_in num_channels input_channels cin inp"
)
_COSTLESS = (
    "padding_mode eps epsilon momentum inplace return_indices count_include_pad align_corners device dtype data_format "
    "batch_first divisor_override antialias trainable negative_slope alpha approximate center"
)
_COSTLESS_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_init")

_CACHED = (
    "past past_len past_tokens past_sequence_length past_key_values past_key_values_length past_kv_len cache "
    "cache_length cache_size kv_cache kv_len kv_length context_length"
)

FIELDS: Mapping[str, str] = {
    "filters": "out_channels",
    "num_filters": "out_channels",
    "out_planes": "out_channels",
    "output_channels": "out_channels",
    "num_output": "out_channels out_features",
    "channels": "out_channels",
    "cout": "out_channels",
    "units": "out_features hidden_size",
    "out_channels": "out_features",
    "out_features": "out_channels",
    "out_dim": "out_features out_channels",
    "num_classes": "out_features",
    "kernel": "kernel_size",
    "kernel_shape": "kernel_size",
    "filter_size": "kernel_size",
    "pool_size": "kernel_size",
    "k": "kernel_size",
    "s": "stride",
    "strides": "stride",
    "subsample": "stride",
    "pad": "padding",
    "pads": "padding",
    "border": "padding",
    "dilation_rate": "dilation",
    "rate": "dilation p",
    "num_group": "groups num_groups",
    "use_bias": "bias",
    "bias_term": "bias",
    "act": "activation function",
    "act_layer": "activation function",
    "activation_fn": "activation function",
    "activation": "function",
    "nonlinearity": "activation function",
    "norm_layer": "norm",
    "bn": "norm",
    "batch_norm": "norm",
    "batchnorm": "norm",
    "normalization": "norm",
    "heads": "num_heads",
    "nhead": "num_heads",
    "n_heads": "num_heads",
    "key_dim": "head_dim",
    **dict.fromkeys(_CACHED.split(), "past_length"),
    "scale": "scale_factor",
    "scales": "scale_factor",
    "factor": "scale_factor upscale_factor downscale_factor",
    "interpolation": "mode",
    "dropout": "p",
    "drop_prob": "p",
    "drop_rate": "p",
    "dim": "axis",
    "target_shape": "size",
    "shape": "size",
    "squeeze": "squeeze_channels",
    "inputs": "after",
    "input": "after",
    "from": "after",
    "bottom": "after",
    "parents": "after",
    "reads": "after",
    "id": "name",
    "label": "name",
    "times": "repeat",
    "repeats": "repeat",
    "n": "repeat",
    "count": "repeat",
    "size": "input",
    "input_size": "input",
    "network": "layers",
    "blocks": "layers",
    "title": "name",
}
"""The fields that stand for those of other tools; of several, the first that a kind has."""

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
    if key in _FOLLOWS.split() or _is_costless(key):
        return next((each for each in FIELDS.get(key, "").split() if each in known), None)
    return next((each for each in FIELDS.get(key, "").split() if each in known), None) or nearest(key, known)


def _is_costless(key: str) -> bool:
    return key in _COSTLESS.split() or key.endswith(_COSTLESS_ENDINGS)


def field_hint(key: str, known: Sequence[str]) -> str:
    """Return what to write instead of a key that a table does not have."""
    found = meant(key, known)
    if found == "after" and nearest(key, known) != "after":
        return 'name the layers that it reads: after = ["a", "b"]'
    if found is None and key in _FOLLOWS.split() and "type" not in known:
        return "it is never written: it follows from the layer above"
    if found is None and _is_costless(key):
        return "leave it out: it does not change the cost"
    return f"did you mean {found!r}?" if found else suggestion(key, known)


def value_hint(value: object, known: Sequence[str]) -> str:
    """Return the known word that a value stands for, as a question; empty if there is none."""
    if isinstance(value, Mapping) and "type" in value:
        return "in TOML, a layer begins with [[layers]], in two brackets"
    word = re.sub(r"^(nn|torch)\.|_?norm(alization)?\d?d?$|[ _-]", "", value.lower()) if isinstance(value, str) else ""
    if word == "prelu":
        return 'its slopes are parameters, so it is a layer of its own: { type = "PReLU" }'
    squeezed = {each.replace("_", ""): each for each in known}
    found = next((each for each in (VALUES.get(word, ""), squeezed.get(word)) if each in known), None)
    found = found or (nearest(word, known) if word else None)
    return f'did you mean "{found}"?' if found else ""


def one_each(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out that a field is missing if an unknown key of its table stands for it: one mistake is one problem."""
    problems = [*problems]
    absent = [each.place for each in problems if each.code == "missing-field" and each.place]
    unknown = [each.place for each in problems if each.code in {"unknown-key", "unknown-default"} and each.place]
    named = set()
    for *table, key in unknown if absent else ():
        found = meant(str(key), [str(name) for *around, name in absent if around == table])
        named |= {(*table, found)} if found else set()
    return [each for each in problems if each.code != "missing-field" or each.place not in named]
