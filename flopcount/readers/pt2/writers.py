"""The layers of the operators that ONNX has no equal of: their inputs are those of the call, in its order."""

from collections.abc import Mapping
from typing import Any

from flopcount.errors import Refusal
from flopcount.formulas.shape import render
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, collapsed, fitting, integers
from flopcount.readers.onnx.ops_conv import as_map, convolved
from flopcount.readers.onnx.ops_element import ELEMENTWISE, OPERATORS, added
from flopcount.readers.onnx.ops_product import linear, multiplied
from flopcount.readers.onnx.ops_shape import broadcast, like, parameter, reshaped, transpose

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
"""The number of gates of a recurrent layer."""

KINDS = {"rnn_tanh": "RNN", "rnn_relu": "RNN", "gru": "GRU", "lstm": "LSTM"}


def _linear(op: NodeContext) -> list[Value]:
    """linear(input, weight, bias)."""
    x, weight, bias = op.at(0), op.at(1), op.get(2)
    if x.dims[-1:] != weight.dims[-1:] or len(weight.dims) > 2:  # noqa: PLR2004  (a matrix)
        raise Refusal(f"weights of {render(weight.dims)} cannot read its input of {render(x.dims)}")
    if len(weight.dims) == 2 and weight.static and not x.static:  # noqa: PLR2004
        is_bias = bias is not None and bias.static
        y = linear(op, x, weight, weight.dims[0], bias if is_bias else None)
        return [y if is_bias else added(op, y, bias)]
    flipped = weight.dims[::-1]
    turned = weight._replace(dims=flipped) if weight.static else op.call(transpose, weight)[0]
    if x.static:
        x = parameter(op._replace(inputs=(weight,)), x)
    return [added(op, multiplied(op, x, turned), bias)]


def _batch_norm(op: NodeContext) -> list[Value]:
    """batch_norm(input, weight, bias, running_mean, running_var)."""
    x, (scale, shift, mean, variance) = op.at(0), (op.get(place) for place in range(1, 5))
    x = as_map(op, x) if len(x.dims) > 2 else op.draft.as_layout(x, x.batch_axis, len(x.inner) - 1)  # noqa: PLR2004
    channels = x.inner[op.channel_axis(x)]
    op.expect(scale, channels)
    op.expect(shift, channels)
    fields: dict[str, Any] = {} if scale or shift else {"affine": False}
    fields |= {"gamma": False} if shift and not scale else {"beta": False} if scale and not shift else {}
    fields |= {} if mean else {"track_running_stats": False}
    running = [each for each in (mean, variance) if each is not None] or None
    params = {"norm_weight": scale, "norm_bias": shift, "running": running}
    y = reshaped(op, op.row("BatchNorm", x, params=params, **fields), op.at(0).dims)
    return [y, *op.further(*[(channels,)] * 4)]


def _group_norm(op: NodeContext) -> list[Value]:
    """group_norm(input, weight, bias)."""
    x, scale, shift = op.at(0), op.get(1), op.get(2)
    wide = as_map(op, x if len(x.dims) > 2 else reshaped(op, x, (*x.dims, 1)))  # noqa: PLR2004  (no space)
    fields: dict[str, Any] = {} if scale or shift else {"affine": False}
    fields |= {"gamma": False} if shift and not scale else {"beta": False} if scale and not shift else {}
    params = {"norm_weight": scale, "norm_bias": shift}
    y = op.row("GroupNorm", wide, num_groups=op.integer("num_groups", 1), params=params, **fields)
    return [reshaped(op, y, x.dims), *op.further(*[(x.dims[0], op.integer("num_groups", 1))] * 2)]


def _instance_norm(op: NodeContext) -> list[Value]:
    """instance_norm(input, weight, bias, running_mean, running_var)."""
    x = as_map(op, op.at(0))
    scale, shift, mean, variance = (op.get(place) for place in range(1, 5))
    fields = ({"affine": True} if scale else {}) | ({"track_running_stats": True} if mean else {})
    running = [each for each in (mean, variance) if each is not None] or None
    params = {"norm_weight": scale, "norm_bias": shift, "running": running}
    return [op.row("InstanceNorm", x, params=params, **fields)]


def _adaptive(op: NodeContext) -> list[Value]:
    """adaptive_avg_pool and adaptive_max_pool: a map of given sizes."""
    x, sizes = as_map(op, op.at(0)), integers(op.numbers(1) or ())
    sizes = tuple(own if size < 0 else size for own, size in zip(x.dims[2:], sizes, strict=True))
    kind = f"Adaptive{op.attribute('pool')}"
    return [op.row(kind, x, output_size=collapsed(sizes))] * 2


def _recurrent(op: NodeContext) -> list[Value]:
    """lstm, gru, rnn_tanh, rnn_relu: all layers in one call; inputs are the sequence, the states and the params."""
    name, layers = str(op.attribute("function")), op.integer("num_layers", 1)
    x, count, ways = op.at(0), op.integer("states", 1), 1 + op.integer("bidirectional", 0)
    states, params = op.inputs[1 : 1 + count], [value for value in op.inputs[1 + count :] if value is not None]
    weights, biases = ([each for each in params if len(each.dims) == rank] for rank in (2, 1))
    if not weights or len(params) % (layers * ways):
        raise Refusal(f"{len(params)} tensors cannot be the params of {layers} layers")
    hidden = weights[0].dims[0] // GATES[name]
    out = weights[1].dims[1]
    fields = {"hidden_size": hidden, "num_layers": layers, "bidirectional": ways > 1, "bias": bool(biases)}
    fields |= {"proj_size": out} if out != hidden else {}
    fields |= {"dropout": share} if layers > 1 and (share := op.attribute("dropout")) else {}
    fitting(weights[0], (GATES[name] * hidden, x.dims[-1]), "weights")
    batch_axis = x.batch_axis if x.batch_axis in {0, 1} and len(x.dims) > 2 else None  # noqa: PLR2004
    x = op.draft.as_layout(x, batch_axis, len(x._replace(batch_axis=batch_axis).inner) - 1)
    y = op.row(KINDS[name], x, params={"rnn_weight": weights, "rnn_bias": biases or None}, **fields)
    op.also(y, *(state for state in states if state is not None and state.initializers & op.draft.kept.trained))
    y = reshaped(op, y, (*x.dims[:-1], ways * out))
    batch = () if len(x.dims) == 2 else (x.dims[0 if op.integer("batch_first", 0) else 1],)  # noqa: PLR2004
    sizes = [(layers * ways, *batch, each) for each in (out, hidden)[:count]]
    return [y, *(_last(op, y, dims) if op.wants(place) else y for place, dims in enumerate(sizes, 1))]


def _last(op: NodeContext, y: Value, dims: Dims) -> Value:
    """Write the states after the last token."""
    value = Value(dims)
    axis = next((place for place, size in enumerate(dims[1:-1], 1) if size == 1), None)
    return op.operation(value._replace(batch_axis=axis), y)


def _indexed(op: NodeContext) -> list[Value]:
    """index(self, indices): what is at given places along several axes."""
    x, axes, picked = op.at(0), op.integers("axes"), [value for value in op.inputs[1:] if value is not None]
    sizes = broadcast(*(value.dims for value in picked))
    left = [axis for axis in range(len(x.dims)) if axis not in axes]
    is_one_run = [*axes] == [*range(axes[0], axes[0] + len(axes))]
    before = [axis for axis in left if is_one_run and axis < axes[0]]
    dims = (*(x.dims[axis] for axis in before), *sizes, *(x.dims[axis] for axis in left if axis not in before))
    y = op.sized(*dims)
    if x.static and not all(value.static for value in picked):
        op.also(y, x)
    return [y]


def _sized(op: NodeContext) -> list[Value]:
    """Write operators whose output has the sizes that the call computes: the last input."""
    *others, last = op.inputs
    sizes = integers((last.data if last else None) or ())
    return [op._replace(inputs=tuple(others)).sized(*sizes) if others else Value(sizes)]


def _dropout(op: NodeContext) -> list[Value]:
    """dropout(input)."""
    x, share = op.at(0), op.attribute("p")
    fields: dict[str, Any] = {"whole_channels": True} if op.integer("whole", 0) else {}
    return [x if x.static or not isinstance(share, float) else op.row("Dropout", x, p=share, **fields)]


def _contiguous(op: NodeContext) -> list[Value]:
    """contiguous(input)."""
    x = op.at(0)
    return [x if x.static else op.row("Identity", x, contiguous=True)]


def _deformed(op: NodeContext) -> list[Value]:
    """deform_conv2d(input, weight, offset, mask, bias)."""
    return [convolved(op, op.at(0), op.at(1), op.get(4))]


def _grouped(op: NodeContext) -> list[Value]:
    """grouped(one, other, ends): the rows of each group times a matrix of its own; a sum over groups has them apart."""
    one, other = (_of_a_group(op, op.at(place)) for place in (0, 1))
    y = multiplied(op, one, other)
    has_groups = 3 in {len(op.at(0).dims), len(op.at(1).dims)}  # noqa: PLR2004
    return [y if has_groups else op.operation(Value((*op.at(2).dims, *y.dims)), y)]


def _of_a_group(op: NodeContext, value: Value) -> Value:
    """Return the matrix of one group, which stands for all that a tensor holds."""
    dims = value.dims[-2:]
    return value._replace(dims=dims) if value.static or dims == value.dims else op.operation(Value(dims), value)


WRITERS: Mapping[str, Writer] = {
    **{f"aten.{name}": OPERATORS[name] for name in ELEMENTWISE},  # those whose numbers are not computed
    "aten.linear": _linear,
    "aten.batch_norm": _batch_norm,
    "aten.group_norm": _group_norm,
    "aten.instance_norm": _instance_norm,
    "aten.adaptive": _adaptive,
    "aten.recurrent": _recurrent,
    "aten.index": _indexed,
    "aten.grouped": _grouped,
    "aten.dropout": _dropout,
    "aten.contiguous": _contiguous,
    "aten.sized": _sized,
    "aten.like": like,
    "torchvision.deform_conv2d": _deformed,
}
"""Writers by the domain and the name of the node."""
