"""Operators that multiply with weights or slide a window: convolutions, linear layers, pools, recurrent layers."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

from flopcount.formulas.shape import render
from flopcount.readers.tflite.op import Dims, OperatorOp, TensorValue, Writer, broadcast, checked

SAME, VALID = 0, 1
"""The two rules of padding."""


def _axes(op: OperatorOp, name: str, count: int) -> Dims:
    """Return an option of each spatial axis."""
    return tuple(op.number(f"{name}_{axis}", 1) for axis in "dhw"[3 - count :])


def _padding(op: OperatorOp) -> str:
    rule = op.number("padding", 0)
    if rule not in {SAME, VALID}:
        raise op.problem(f"its padding is number {rule}, of 2")
    return "same" if rule == SAME else "valid"


def _window(op: OperatorOp, kernel: Dims) -> dict[str, Any]:
    """Return the fields of a window."""
    moves = {"stride": _axes(op, "stride", len(kernel)), "dilation": _axes(op, "dilation", len(kernel))}
    padding = {"padding": "same"} if _padding(op) == "same" else {}
    return {"kernel_size": kernel, **moves, **padding}


def _activation(op: OperatorOp) -> dict[str, Any]:
    """Return the fused activation as a field; a sign is a layer of its own."""
    return {"activation": op.fused} if op.fused not in {"", "sign"} else {}


def _weights(
    op: OperatorOp, weight: TensorValue, bias: TensorValue | None, filters: int
) -> dict[str, Sequence[TensorValue]]:
    """Return the parameters of a layer; a bias has one number for each filter."""
    if bias is not None and bias.elements != filters:
        raise op.problem(f"its bias has {bias.elements} numbers for {filters} filters")
    return {"weight": [weight], "bias": [] if bias is None else [bias]}


def _expect_rank(op: OperatorOp, value: TensorValue, rank: int, what: str) -> TensorValue:
    if len(value.dims) != rank:
        raise op.problem(f"its {what} is {render(value.dims)}, and needs {rank} axes")
    return value


def conv(op: OperatorOp, rank: int = 4) -> list[TensorValue | None]:
    """CONV_2D and CONV_3D: filters over a map; as many groups as the channels of the input say."""
    x = op.map(_expect_rank(op, op.at(0), rank, "input"))
    weight, bias = _expect_rank(op, op.at(1), rank, "filter"), op.optional(2)
    filters, *kernel, inner = weight.dims if rank == 4 else (weight.dims[-1], *weight.dims[:-1])  # noqa: PLR2004
    channels = x.dims[-1]
    if channels % max(inner, 1):
        raise op.problem(f"filters of {inner} channels cannot read the {channels} of its input")
    groups = channels // max(inner, 1)
    params = _weights(op, weight, bias, filters)
    fields = {**_window(op, tuple(kernel)), "bias": bias is not None, **_activation(op)}
    if groups == channels > 1 and filters % groups == 0:
        fields["depth_multiplier"] = filters // groups
        return [_signed(op, op.row("DepthwiseConv", x, params=params, **fields))]
    return [_signed(op, op.row("Conv", x, params=params, out_channels=filters, groups=groups, **fields))]


def _signed(op: OperatorOp, y: TensorValue) -> TensorValue:
    return op.activated(y, "sign") if op.fused == "sign" else y


def depthwise(op: OperatorOp) -> list[TensorValue | None]:
    """DEPTHWISE_CONV_2D: filters of one channel each; a multiple of the channels comes out."""
    x, weight, bias = (
        op.map(_expect_rank(op, op.at(0), 4, "input")),
        _expect_rank(op, op.at(1), 4, "filter"),
        op.optional(2),
    )
    one, *kernel, filters = weight.dims
    if one != 1 or filters % x.dims[-1]:
        raise op.problem(f"a filter of {render(weight.dims)} cannot read the {x.dims[-1]} channels of its input")
    fields = {**_window(op, tuple(kernel)), "bias": bias is not None, **_activation(op)}
    multiplier, params = filters // x.dims[-1], _weights(op, weight, bias, filters)
    return [_signed(op, op.row("DepthwiseConv", x, params=params, depth_multiplier=multiplier, **fields))]


def transposed(op: OperatorOp, rank: int = 4) -> list[TensorValue | None]:
    """TRANSPOSE_CONV and CONV_3D_TRANSPOSE: a map grows to the size that the first input says."""
    x = op.map(_expect_rank(op, op.at(2), rank, "input"))
    weight, bias = _expect_rank(op, op.at(1), rank, "filter"), op.optional(3)
    filters, *kernel, inner = weight.dims if rank == 4 else (weight.dims[-2], *weight.dims[:-2], weight.dims[-1])  # noqa: PLR2004
    if inner != x.dims[-1]:
        raise op.problem(f"filters of {inner} channels cannot read the {x.dims[-1]} of its input")
    wanted = op.data(0, length=rank)
    if wanted[-1] != filters:
        raise op.problem(f"its output is {render(wanted)}, and it has {filters} filters")
    window = _window(op, tuple(kernel))
    pairs = [
        _spread(op, size, target, stride, gap * (reach - 1) + 1)
        for size, target, reach, stride, gap in zip(
            x.dims[1:-1], wanted[1:-1], kernel, window["stride"], window["dilation"], strict=True
        )
    ]
    fields = {**window, "padding": tuple(pad for pad, _ in pairs), "output_padding": tuple(more for _, more in pairs)}
    params = _weights(op, weight, bias, filters)
    y = op.row(
        "ConvTranspose", x, params=params, out_channels=filters, **fields, bias=bias is not None, **_activation(op)
    )
    return [_signed(op, y)]


def _spread(op: OperatorOp, size: int, wanted: int, stride: int, reach: int) -> tuple[Any, int]:
    """Return the padding and output padding of one axis, which lead to the size that the file wants."""
    if stride < 1:
        raise op.problem(f"its stride is {stride}")
    read = -(-wanted // stride) if _padding(op) == "same" else -(-(wanted - reach + 1) // stride)
    if read != size:
        what = f"a map of {wanted} positions, its size in the file, does not come from {size} with a stride of {stride}"
        raise op.problem(what)
    surplus = (size - 1) * stride + reach - wanted
    return ((surplus // 2, surplus - surplus // 2), 0) if surplus >= 0 else ((0, 0), -surplus)


def linear(op: OperatorOp) -> list[TensorValue | None]:
    """FULLY_CONNECTED: a linear layer, of all elements of an image unless the axes are kept."""
    x, weight, bias = op.at(0), _expect_rank(op, op.at(1), 2, "weights"), op.optional(2)
    outward, inner = weight.dims
    keeps = op.flag("keep_num_dims", default=False)
    if x.elements % max(inner, 1) or (keeps and x.dims[-1:] != (inner,)):
        raise op.problem(f"weights of {render(weight.dims)} cannot read its input of {render(x.dims)}")
    dims = (*x.dims[:-1], outward) if keeps else (x.elements // inner, outward)
    params = _weights(op, weight, bias, outward)
    fields: dict[str, Any] = {"bias": bias is not None}
    if keeps and x.is_map:
        y = op.row("Conv", x, params=params, out_channels=outward, kernel_size=1, **fields, **_activation(op))
        return [_signed(op, y)]
    if x.dims != (*dims[:-1], inner):
        x = _flat(op, x, (*dims[:-1], inner))
    y = op.row("Linear", op.last(x), params=params, dims=dims, is_map=False, out_features=outward, **fields)
    return [op.activated(y)]


def _flat(op: OperatorOp, x: TensorValue, dims: Dims) -> TensorValue:
    """Return a value as vectors."""
    if dims[0] == 1 and x.is_map and x.dims[0] == 1:
        return op.row("Flatten", x, dims=dims, is_map=False, tail="flatten")
    return op.settled(x._replace(dims=dims, is_map=False))


def product(op: OperatorOp) -> list[TensorValue | None]:
    """BATCH_MATMUL: products of matrices; a constant one is the weights of a linear layer."""
    one, other = op.at(0), op.at(1)
    if min(len(one.dims), len(other.dims)) < 2:  # noqa: PLR2004  (a matrix)
        raise op.problem(f"it multiplies {render(one.dims)} with {render(other.dims)}, which are no matrices")
    turned = op.flag("adj_x", default=False), op.flag("adj_y", default=False)
    (*lead, rows, inner), (*lead2, inner2, columns) = (
        (*value.dims[:-2], *(value.dims[-2:][::-1] if turn else value.dims[-2:]))
        for value, turn in zip((one, other), turned, strict=True)
    )
    if inner != inner2:
        raise op.problem(f"it multiplies {render(one.dims)} with {render(other.dims)}")
    dims = (*broadcast(tuple(lead), tuple(lead2)), rows, columns) if lead or lead2 else (rows, columns)
    if other.static and prod(lead2) == 1 and not turned[0] and not one.static:
        fields: dict[str, Any] = {"dims": dims, "is_map": False, "out_features": columns, "bias": False}
        return [op.row("Linear", op.last(one), params={"weight": [other]}, **fields)]
    one, other = (
        op.last(value) if not value.static else op.parameter(value, value.dims, is_map=False) for value in (one, other)
    )
    alike = one.dims[:-2] == other.dims[:-2] and min(len(one.order), len(other.order)) > 1
    if alike and not turned[0]:
        return [op.row("MatMul", one, other, dims=dims, is_map=False, transpose=turned[1])]
    return [op.row("Einsum", one, other, dims=dims, is_map=False, equation=_equation(one, other, dims, turned))]


def _equation(one: TensorValue, other: TensorValue, dims: Dims, turned: tuple[bool, bool]) -> str:
    """Return the product as a sum over named axes; an axis of one that the other has longer has its own name."""
    lead = len(dims) - 2
    names, terms = "abcdefghijkl", list[str]()
    for value, ends, spare in ((one, "nk", "pqrstu"), (other, "km", "vwxyzo")):
        after = lead - (len(value.dims) - 2)
        own = [
            names[axis + after] if size == dims[axis + after] else spare[axis]
            for axis, size in enumerate(value.dims[:-2])
        ]
        is_turned = turned[len(terms)]
        letters = [*own, *(ends[::-1] if is_turned else ends)]
        letters = [letter.upper() if letter in "nkm" else letter for letter in letters]
        terms.append("".join(letters[axis] for axis in value.order))
    out = [*names[:lead], "N", "M"]
    start = int(len(dims) > 1 and dims[0] == 1)
    return f"{terms[0]},{terms[1]}->{''.join(out[start:])}"


def pool(op: OperatorOp, kind: str) -> list[TensorValue | None]:
    """Pools: a window over a map."""
    x = op.map(_expect_rank(op, op.at(0), 4, "input"))
    kernel, stride = (op.number("filter_h", 0), op.number("filter_w", 0)), _axes(op, "stride", 2)
    fields: dict[str, Any] = {"kernel_size": kernel}
    if stride != kernel:
        fields["stride"] = stride
    if _padding(op) == "same":
        fields["padding"] = "same"
    return [op.activated(op.row(kind, x, **fields))]


def memory_filter(op: OperatorOp) -> list[TensorValue | None]:
    """SVDF: filters of rank r over what was read, then over what they gave at the last steps."""
    x, features, times, bias = op.at(0), _expect_rank(op, op.at(1), 2, "feature weights"), op.at(2), op.optional(3)
    filters, inner = features.dims
    rank, steps = op.number("rank", 1), _expect_rank(op, times, 2, "time weights").dims[-1]
    if rank < 1 or filters % rank or times.dims[0] != filters or x.dims[-1] != inner:
        raise op.problem(f"{filters} filters of rank {rank} cannot read {render(x.dims)}")
    units, batch = filters // rank, x.dims[0]
    y = op.row("Linear", op.last(x), params={"weight": [features]}, dims=(batch, filters), is_map=False, tail="feature",
               out_features=filters, bias=False)  # fmt: skip
    shape: dict[str, Any] = {
        "size": (*(() if batch == 1 else (batch,)), filters, steps),
        "channel_axis": -2,
        "axes": len(y.source.dims),
    }
    y = op.row("Expand", y, dims=(batch, steps, filters), is_map=True, tail="state", **shape)
    params = _weights(op, times, bias, units)
    y = op.row(
        "Conv",
        y,
        params=params,
        tail="time",
        out_channels=units,
        kernel_size=steps,
        groups=units,
        bias=bias is not None,
    )
    return [op.activated(op.settled(y._replace(dims=(batch, units), is_map=False)))]


def _sequence(op: OperatorOp, x: TensorValue) -> TensorValue:
    """Return a value as vectors one after the other, at least one."""
    x = op.last(x)
    if len(x.order) > 1:
        return x
    fields = {"size": (1, *x.source.dims), "axes": 1}
    return x._replace(signal=op.node("Reshape", [x.source], fields, "step"))


def recurrent(
    op: OperatorOp,
    x: TensorValue,
    kind: str,
    params: Mapping[str, Sequence[TensorValue]],
    tail: str = "",
    **fields: Any,
) -> TensorValue:
    """Add a recurrent layer, which reads every weight once for each vector."""
    width = fields.get("proj_size") or fields["hidden_size"]
    start = _sequence(op, x)
    kept = {role: values for role, values in params.items() if values}
    biases = {"bias": "rnn_bias" in kept, "recurrent_bias": False} if "rnn_bias" in kept else {"bias": False}
    return op.row(kind, start, params=kept, dims=(*x.dims[:-1], width), is_map=False, tail=tail, **biases, **fields)


def _expect(op: OperatorOp, value: TensorValue | None, *dims: int) -> TensorValue:
    if value is None or value.dims != dims:
        raise op.problem(f"weights or biases of {render(value.dims) if value else 'nothing'} are not {render(dims)}")
    return value


def _simple(op: OperatorOp, first: int, tail: str = "") -> TensorValue:
    """Add an RNN whose weights, recurrent weights and bias are inputs from a place on."""
    x, weight = op.at(0), op.at(first)
    units = weight.dims[0]
    weights = [_expect(op, weight, units, x.dims[-1]), _expect(op, op.at(first + 1), units, units)]
    biases = [_expect(op, op.at(first + 2), units)]
    return recurrent(op, x, "RNN", {"rnn_weight": weights, "rnn_bias": biases}, tail, hidden_size=units)


def both_ways(op: OperatorOp, ways: Iterable[TensorValue]) -> list[TensorValue | None]:
    """Return what both directions give, as one tensor if they are merged."""
    one, other = ways
    if not op.flag("merge_outputs", default=False):
        return [one, other]
    dims = (*one.dims[:-1], one.dims[-1] + other.dims[-1])
    return [op.row("Concat", one, other, dims=dims, tail="merged")]


def rnn_both_ways(op: OperatorOp) -> list[TensorValue | None]:
    """BIDIRECTIONAL_SEQUENCE_RNN."""
    if any(op.optional(place) for place in range(9, 12)):
        raise op.problem("an auxiliary input is not supported")
    return both_ways(op, [_simple(op, 1, "forward"), _simple(op, 5, "backward")])


_GATES = range(4)


def _cell(op: OperatorOp, start: int, tail: str = "", norms: int | None = None) -> TensorValue:
    """Add an LSTM whose weights are inputs from a place on: four of the input, four of the state, peepholes, biases."""
    x = op.at(0)
    inward, state = ([op.optional(start + step + gate) for gate in _GATES] for step in (0, 4))
    peepholes, biases = (
        [op.optional(start + 8 + gate) for gate in range(3)],
        [op.optional(start + 11 + gate) for gate in _GATES],
    )
    projection, shift = op.optional(start + 15), op.optional(start + 16)
    units = op.at(start + 1).dims[0]
    width = projection.dims[0] if projection else units
    gates = _GATES[1:] if inward[0] is None else _GATES
    weights = [
        *(_expect(op, inward[gate], units, x.dims[-1]) for gate in gates),
        *(_recurrent_weight(op, state[gate], units, width) for gate in gates),
        *([_expect(op, projection, width, units)] if projection else []),
    ]
    shifts = [_expect(op, biases[gate], units) for gate in gates]
    others = [
        each
        for each in (*peepholes, shift, *(op.optional(place) for place in range(norms or 0, norms + 4 if norms else 0)))
        if each
    ]
    y = _gated(op, weights, shifts, CellSizes(units, width, len(gates)), tail)
    return _beside(op, y, others, tail)


def _recurrent_weight(op: OperatorOp, value: TensorValue | None, units: int, width: int) -> TensorValue:
    """Return recurrent weights: a matrix, or its diagonal."""
    if value is not None and op.flag("diagonal", default=False):
        raise op.problem("recurrent weights that are a diagonal are not supported")
    return _expect(op, value, units, width)


class CellSizes(NamedTuple):
    """The sizes of an LSTM: units, numbers of its output, gates."""

    units: int
    width: int
    gates: int


def _gated(
    op: OperatorOp, weights: Sequence[TensorValue], shifts: Sequence[TensorValue], sizes: CellSizes, tail: str
) -> TensorValue:
    """Add an LSTM; as linear maps if one of its gates is coupled to another, or what it projects to is no smaller."""
    is_projected = len(weights) > 2 * sizes.gates
    size: dict[str, Any] = {"proj_size": sizes.width} if is_projected else {}
    if sizes.gates == len(_GATES) and (sizes.width < sizes.units or not is_projected):
        params = {"rnn_weight": weights, "rnn_bias": shifts}
        return recurrent(op, op.at(0), "LSTM", params, tail, hidden_size=sizes.units, **size)
    prefix, rows = f"{tail}_" if tail else "", sizes.gates * sizes.units
    y = _mapped(op, op.at(0), {"weight": weights[: sizes.gates], "bias": shifts}, rows, f"{prefix}input")
    y = _cut(op, y, sizes.width, f"{prefix}state")
    y = _mapped(op, y, {"weight": weights[sizes.gates : 2 * sizes.gates]}, rows, f"{prefix}recurrent")
    y = _cut(op, y, sizes.units, f"{prefix}cell")
    return _mapped(op, y, {"weight": weights[-1:]}, sizes.width, f"{prefix}projection") if is_projected else y


def _mapped(
    op: OperatorOp, x: TensorValue, params: Mapping[str, Sequence[TensorValue]], size: int, tail: str
) -> TensorValue:
    fields = {"out_features": size, "bias": "bias" in params}
    return op.row(
        "Linear", _sequence(op, x), params=params, dims=(*x.dims[:-1], size), is_map=False, tail=tail, **fields
    )


def _cut(op: OperatorOp, x: TensorValue, size: int, tail: str) -> TensorValue:
    return op.row("Slice", _sequence(op, x), dims=(*x.dims[:-1], size), is_map=False, tail=tail, stop=size)


def _beside(op: OperatorOp, y: TensorValue, others: Sequence[TensorValue], tail: str) -> TensorValue:
    """Count constants of an LSTM that its layer has not: peepholes, scales of norms, a bias of the projection."""
    if not others:
        return y
    count = sum(value.elements for value in others)
    return op.row(
        "Constants",
        y,
        dims=y.dims,
        params={"parameter": others},
        tail=f"{tail}_others".lstrip("_"),
        count=count,
        trained=True,
    )


def lstm(op: OperatorOp) -> list[TensorValue | None]:
    """LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM; the basic kernel has all weights in one matrix."""
    if op.number("kernel_type", 0) == 0:
        return [_cell(op, 1, norms=20)]
    x, state, weight, bias = (op.at(place) for place in range(4))
    units, inner = state.dims[-1], x.dims[-1]
    params = {"rnn_weight": [_expect(op, weight, 4 * units, inner + units)], "rnn_bias": [_expect(op, bias, 4 * units)]}
    y = recurrent(op, x, "LSTM", params, hidden_size=units)
    return [y, y, None, None]


def lstm_both_ways(op: OperatorOp) -> list[TensorValue | None]:
    """BIDIRECTIONAL_SEQUENCE_LSTM."""
    if any(op.optional(place) for place in range(39, 48)):
        raise op.problem("an auxiliary input is not supported")
    return both_ways(op, [_cell(op, 1, "forward"), _cell(op, 18, "backward")])


def looked_up(op: OperatorOp, ids: TensorValue, table: TensorValue) -> TensorValue:
    """Add a table in which ids are looked up."""
    rows, *size = table.dims
    dims = (*ids.dims, *size)
    fields: dict[str, Any] = {"num_embeddings": rows, "embedding_dim": prod(size)}
    y = op.row(
        "Embedding",
        op.last(ids),
        params={"embedding": [table]},
        dims=checked((*ids.dims, prod(size))),
        is_map=False,
        **fields,
    )
    return op.settled(y._replace(dims=dims))


def embedding(op: OperatorOp) -> list[TensorValue | None]:
    """EMBEDDING_LOOKUP: rows of a table, constant or not."""
    ids, table = op.at(0), op.at(1)
    if table.static and not ids.static:
        return [looked_up(op, ids, table)]
    return [op.operation((*ids.dims, *table.dims[1:]))]


OPERATORS: Mapping[str, Writer] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "CONV_3D": partial(conv, rank=5),
    "TRANSPOSE_CONV": transposed,
    "CONV_3D_TRANSPOSE": partial(transposed, rank=5),
    "FULLY_CONNECTED": linear,
    "BATCH_MATMUL": product,
    "SVDF": memory_filter,
    **dict.fromkeys(("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"), lambda op: [_simple(op, 1)]),
    "BIDIRECTIONAL_SEQUENCE_RNN": rnn_both_ways,
    **dict.fromkeys(("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"), lstm),
    "BIDIRECTIONAL_SEQUENCE_LSTM": lstm_both_ways,
    "EMBEDDING_LOOKUP": embedding,
    **dict.fromkeys(("AVERAGE_POOL_2D", "L2_POOL_2D"), partial(pool, kind="AvgPool")),
    "MAX_POOL_2D": partial(pool, kind="MaxPool"),
}
"""Operators by the function that writes their layers."""

RUNNING: Mapping[str, int] = {
    **dict.fromkeys(OPERATORS, 0),
    **dict.fromkeys(("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"), 2),
}
"""The place of what an operator reads beside its weights."""

POOLS = frozenset(("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D", "EMBEDDING_LOOKUP"))
"""Those of the operators that multiply nothing."""

MAPS = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "TRANSPOSE_CONV", "CONV_3D_TRANSPOSE", "AVERAGE_POOL_2D", "L2_POOL_2D")
) | {"MAX_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"}
"""Operators that read and make maps."""
