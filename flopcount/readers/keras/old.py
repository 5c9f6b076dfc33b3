"""Keras 1: its names of classes and options as Keras 2 has them."""

from collections.abc import Mapping
from typing import Any

RENAMED: Mapping[str, str] = {
    "nb_filter": "filters",
    **dict.fromkeys(("subsample", "subsample_length", "stride"), "strides"),
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "pool_length": "pool_size",
    "length": "size",
    "p": "rate",
    "output_dim": "units",
    "concat_axis": "axis",
    "dot_axes": "axes",
}
"""Options by their old names."""

KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
"""The sides of a kernel, each an option of its own."""

CLASSES: Mapping[str, str] = {
    **{f"AtrousConvolution{count}D": f"Conv{count}D" for count in (1, 2)},
    "TimeDistributedDense": "Dense",
}

MERGES: Mapping[str, str] = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}
"""The modes of a Merge, each with the class that it is now."""


def modern(data: Any) -> Any:
    """Return the data of a file with every layer as Keras 2 writes it."""
    if isinstance(data, list):
        return [modern(each) for each in data]
    if not isinstance(data, Mapping):
        return data
    table = {key: modern(value) for key, value in data.items()}
    kind, config = table.get("class_name"), table.get("config")
    if not isinstance(kind, str) or not isinstance(config, Mapping):
        return table
    if kind == "Merge":
        kind = MERGES.get(str(config.get("mode")), kind)
    return {**table, "class_name": CLASSES.get(kind, kind), "config": _options(kind, config)}


def _options(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a layer by their present names; those that have them already win."""
    kept = {"output_dim"} if kind == "Embedding" else set()
    found = {RENAMED.get(key, key) if key not in kept else key: value for key, value in config.items()}
    for sides in KERNELS:
        if all(side in config for side in sides):
            found["kernel_size"] = [config[side] for side in sides]
    if "dim_ordering" in config:
        found["data_format"] = "channels_first" if config["dim_ordering"] == "th" else "channels_last"
    return {**found, **{key: value for key, value in config.items() if key in RENAMED.values()}}
