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
    "Deconvolution2D": "Conv2DTranspose",
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
    if kind == "Sequential" and isinstance(config, list) and (branches := _branches(config)):
        return _joined(branches, config)
    if not isinstance(kind, str) or not isinstance(config, Mapping):
        return table
    if kind == "Merge":
        kind = MERGES.get(str(config.get("mode")), kind)
    return {**table, "class_name": CLASSES.get(kind, kind), "config": _options(kind, config)}


def _branches(rows: list[Any]) -> list[Any]:
    """Return the models that a Sequential of Keras 1 merges first; none if it merges none."""
    config = rows[0].get("config") if rows and isinstance(rows[0], Mapping) else None
    found = config.get("layers") if isinstance(config, Mapping) and "mode" in config else None
    return found if isinstance(found, list) and all(isinstance(each, Mapping) for each in found) else []


def _joined(branches: list[Any], rows: list[Any]) -> dict[str, Any]:
    """Return a Sequential that begins with a merge as a functional model on the inputs of its branches."""
    layers: list[dict[str, Any]] = []
    for number, branch in enumerate(branches, 1):
        entry = {"class_name": "InputLayer", "config": {"batch_input_shape": _shape(branch)}}
        layers += [{**entry, "name": f"input_{number}"}]
        layers += [{**branch, "name": f"branch_{number}", "inbound_nodes": [[[f"input_{number}", 0, 0]]]}]
    sources = [f"branch_{number}" for number in range(1, len(branches) + 1)]
    for number, each in enumerate(rows):
        row = each if isinstance(each, Mapping) else {}
        name = f"{_config(row).get('name') or row.get('class_name')}_{number}"
        config = _config(row) if number else {key: value for key, value in _config(row).items() if key != "layers"}
        nodes = [[[source, 0, 0] for source in sources]]
        layers.append({**row, "name": name, "config": config or row.get("config"), "inbound_nodes": nodes})
        sources = [name]
    entries = [[layer["name"], 0, 0] for layer in layers if layer.get("class_name") == "InputLayer"]
    ends = {"input_layers": entries, "output_layers": [[sources[0], 0, 0]]}
    return {"class_name": "Model", "config": {"name": "sequential", "layers": layers, **ends}}


def _config(row: Any) -> Mapping[str, Any]:
    config = row.get("config") if isinstance(row, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _shape(branch: Any) -> Any:
    """Return the shape that the first layer of a model says, with the batch."""
    rows = branch.get("config") if isinstance(branch, Mapping) else None
    rows = rows.get("layers") if isinstance(rows, Mapping) else rows
    first = rows[0] if isinstance(rows, list) and rows else None
    return _config(first).get("batch_input_shape") or (_shape(first) if isinstance(_config(first), list) else None)


def _options(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a layer by their present names; those that have them already win."""
    kept = {"output_dim"} if kind == "Embedding" else set()
    found = {RENAMED.get(key, key) if key not in kept else key: value for key, value in config.items()}
    for sides in KERNELS:
        if all(side in config for side in sides):
            found["kernel_size"] = [config[side] for side in sides]
    if found.get("padding") == "half":  # of Theano, whose kernels have a middle
        found["padding"] = "same"
    if "dim_ordering" in config:
        found["data_format"] = "channels_first" if config["dim_ordering"] == "th" else "channels_last"
    return {**found, **{key: value for key, value in config.items() if key in RENAMED.values()}}
