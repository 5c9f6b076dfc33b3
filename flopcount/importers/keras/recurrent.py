"""Recurrent layers of Keras, and the wrappers around layers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flopcount.importers.keras.convs import conv_fields
from flopcount.importers.keras.joins import combined
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use
from flopcount.importers.rows import whole

Reader = Callable[[Use, Tensor], Tensor | list[Tensor]]

CELLS: Mapping[str, str] = {
    **dict.fromkeys(("LSTM", "LSTMCell", "CuDNNLSTM"), "LSTM"),
    **dict.fromkeys(("GRU", "GRUCell", "CuDNNGRU"), "GRU"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), "RNN"),
}
"""The classes of Keras, each with its kind here."""


def recurrent(use: Use) -> Tensor | list[Tensor]:
    """Write a recurrent layer: all states, or the last one, and the state apart where it is asked for."""
    return use.grouped(_reader(use.blame.kind, use.config), use.vectors(use.x))


def wrapped_cell(use: Use) -> Tensor | list[Tensor]:
    """Write an RNN that is made of a cell, or of several on top of each other."""
    cells = _cells(use)
    return use.grouped(lambda inner, x: _stacked(inner, x, cells), use.vectors(use.x))


def _stacked(use: Use, x: Tensor, cells: Sequence[Mapping[str, Any]]) -> Tensor | list[Tensor]:
    """Write cells on top of each other: all but the last hand on every state."""
    for place, cell in enumerate(cells[:-1], 1):
        config = {**cell["config"], "return_sequences": True, "return_state": False}
        found = _read(_numbered(use, place), x, str(cell["class_name"]), config, bidirectional=False)
        x = found if isinstance(found, Tensor) else found[0]
    config = {**cells[-1]["config"], **{key: use.flag(key, False) for key in ("return_sequences", "return_state")}}
    return _read(_numbered(use, len(cells)), x, str(cells[-1]["class_name"]), config, bidirectional=False)


def _numbered(use: Use, place: int) -> Use:
    return use if use.bare else use._replace(name=f"{use.name}_{place}")


def _cells(use: Use) -> list[Mapping[str, Any]]:
    """Return the cells of an RNN, of which there is one or a stack."""
    cell = use.given("cell")
    cells: Any = [cell]
    if isinstance(cell, Mapping) and cell.get("class_name") == "StackedRNNCells":
        config = cell.get("config")
        cells = config.get("cells") if isinstance(config, Mapping) else None
    known: list[Mapping[str, Any]] = []
    for each in cells if isinstance(cells, list) and cells else [None]:
        if not isinstance(each, Mapping) or str(each.get("class_name")) not in CELLS or not _table(each.get("config")):
            kind = each.get("class_name") if isinstance(each, Mapping) else None
            raise use.problem(f"the cell {str(kind)[:50]} is not known")
        known.append(each)
    return known


def _table(value: object) -> bool:
    return isinstance(value, Mapping)


def _biased(kind: str, config: Mapping[str, Any]) -> bool:
    """Tell whether each gate has a second bias, for the state."""
    return kind.startswith("CuDNN") or (CELLS[kind] == "GRU" and bool(config.get("reset_after", True)))


def _reader(kind: str, config: Mapping[str, Any], *, bidirectional: bool = False) -> Reader:
    """Return what writes a recurrent layer, in one direction or both."""
    return lambda use, x: _read(use, x, kind, config, bidirectional=bidirectional)


def _read(use: Use, x: Tensor, kind: str, config: Mapping[str, Any], *, bidirectional: bool) -> Tensor | list[Tensor]:
    bias = config.get("use_bias", True)
    second = _biased(kind, config) or not bias
    y = use.row(
        CELLS[kind],
        x,
        hidden_size=config.get("units"),
        bias=bias,
        recurrent_bias=second,
        bidirectional=bidirectional,
    )
    last = None
    if not config.get("return_sequences", False) or config.get("return_state", False):
        last = use.row("SelectToken", y, tail="last", index=whole(y.shape.leading[-1]) - 1)
    out = y if config.get("return_sequences", False) or last is None else last
    states = 2 if CELLS[kind] == "LSTM" else 1
    if not config.get("return_state", False) or last is None:
        return out
    if not bidirectional:
        return [out, *[last] * states]
    halves = [use.row("Split", last, tail=tail, sections=2, index=place) for place, tail in enumerate(_SIDES)]
    return [out, *[half for half in halves for _ in range(states)]]


_SIDES = ("forward", "backward")


def bidirectional(use: Use) -> Tensor | list[Tensor]:
    """Write a layer that reads in both directions, and what becomes of the two results."""
    layer, mode = _of_cell(use.given("layer")), use.given("merge_mode", "concat")
    if not isinstance(layer, Mapping) or str(layer.get("class_name")) not in CELLS or not _table(layer.get("config")):
        kind = layer.get("class_name") if isinstance(layer, Mapping) else None
        raise use.problem(f"the layer {str(kind)[:50]} is not known inside it")
    _same_backwards(use, layer)
    use = use._replace(held="frozen") if not use.held and layer["config"].get("trainable") is False else use
    return use.grouped(lambda inner, x: _merged(inner, x, layer, mode), use.vectors(use.x))


def _of_cell(layer: Any) -> Any:
    """Return an RNN of one known cell as the layer that it is."""
    config = layer.get("config") if isinstance(layer, Mapping) and layer.get("class_name") == "RNN" else None
    cell = config.get("cell") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(cell, Mapping) or not _table(cell.get("config")):
        return layer
    asked = {key: config.get(key, False) for key in ("return_sequences", "return_state")}
    return {"class_name": cell.get("class_name"), "config": {**cell["config"], **asked}}


def _merged(use: Use, x: Tensor, layer: Mapping[str, Any], mode: Any) -> Tensor | list[Tensor]:
    found = _read(use, x, str(layer["class_name"]), layer["config"], bidirectional=True)
    if mode == "concat":
        return found
    first, *states = found if isinstance(found, list) else [found]
    halves = [use.row("Split", first, tail=f"out_{tail}", sections=2, index=n) for n, tail in enumerate(_SIDES)]
    if mode is None:
        return [*halves, *states]
    if mode not in ("sum", "mul", "ave"):
        raise use.problem(f"merge_mode = {str(mode)[:50]!r} is not known")
    merged = combined(use, halves, "mul" if mode == "mul" else "add", tail="merged")
    merged = use.row("Elementwise", merged, tail="mean", function="div") if mode == "ave" else merged
    return [merged, *states] if states else merged


def _same_backwards(use: Use, layer: Mapping[str, Any]) -> None:
    """Refuse a second layer that is not the first one backwards."""
    other = _of_cell(use.given("backward_layer"))
    if other is None:
        return
    config = other.get("config") if isinstance(other, Mapping) else None
    same = isinstance(other, Mapping) and other.get("class_name") == layer.get("class_name")
    keys = ("units", "use_bias", "reset_after")
    if not isinstance(config, Mapping) or not same or any(config.get(key) != layer["config"].get(key) for key in keys):
        raise use.problem("its backward_layer differs from the layer; that is not read")


def conv_lstm(use: Use) -> Tensor | list[Tensor]:
    """Write a convolutional LSTM: a convolution of the inputs, one of the states, and four gates."""
    axes = int(next(char for char in use.blame.kind if char.isdigit()))
    return use.grouped(_convolved, use.mapped(use.x, axes))


def _convolved(use: Use, x: Tensor) -> Tensor | list[Tensor]:
    fields = conv_fields(use)
    filters = use.number("filters")
    y = use.row("Conv", x, **fields, out_channels=4 * filters, bias=use.flag("use_bias", True))
    state = use.row("Slice", y, tail="state", stop=filters)
    kernel = fields["kernel_size"]
    again = use.row(
        "Conv", state, tail="recurrent", out_channels=4 * filters, kernel_size=kernel, padding="same", bias=False
    )
    gates = use.row("Add", y, again, tail="gates")
    opened = use.row("Activation", gates, tail="opened", function="sigmoid")
    out = use.row("Slice", opened, tail="out", stop=filters)
    if use.flag("return_sequences", False) and not use.flag("return_state", False):
        return out
    place = -out.rank
    last = use.row("Take", out, tail="last", axis=place, keepdim=False, channel=out.channel - 1)
    y = out if use.flag("return_sequences", False) else last
    return [y, last, last] if use.flag("return_state", False) else y
