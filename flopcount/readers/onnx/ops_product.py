"""Operators that multiply matrices: linear layers, attention, recurrence; and their fused and quantized forms."""

from collections.abc import Mapping, Sequence
from typing import Any

from flopcount.errors import Refusal, ShapeError
from flopcount.formulas.shape import render
from flopcount.formulas.tensor import named_axes
from flopcount.readers.base import ACTIVATIONS, plain_word
from flopcount.readers.onnx.op import Dims, NodeContext, Value, Writer, fitting
from flopcount.readers.onnx.ops_element import added
from flopcount.readers.onnx.ops_shape import parameter, reshaped, transpose
from flopcount.readers.onnx.signature import Signed

Term = tuple[Value, Dims, str]
"""An operand of a sum of products: the tensor, its sizes, and a letter for each axis."""

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_LETTERS = _LOWER + _LOWER.upper()


def multiplied(op: NodeContext, one: Value, other: Value) -> Value:
    """Write the product of two tensors, or of as many pairs of matrices as there are."""
    if not one.static and other.static and len(other.dims) == 2 and len(one.dims) > 0:  # noqa: PLR2004  (a matrix)
        _check_inner(one.dims[-1], other.dims[0])
        return linear(op, one, other, other.dims[1])
    return _product(op, one, other)


def _check_inner(columns: int, rows: int) -> None:
    if columns != rows:
        raise Refusal(f"matrices of {columns} columns and {rows} rows cannot be multiplied")


def linear(op: NodeContext, x: Value, weight: Value, out: int, bias: Value | None = None) -> Value:
    """Write a linear layer over the last axis."""
    batch_axis, rank = x.batch_axis, len(x.dims)
    if batch_axis == rank - 1:
        batch_axis = 0 if x.dims[0] == 1 and rank > 1 else None
    x = op.draft.as_layout(x, batch_axis, len(x._replace(batch_axis=batch_axis).inner) - 1)
    return op.row("Linear", x, out_features=out, bias=bias is not None, params={"weight": weight, "bias": bias})


def _product(op: NodeContext, one: Value, other: Value) -> Value:
    """Write a product of two tensors by the rules of NumPy's matmul."""
    a = one.dims if len(one.dims) > 1 else (1, *one.dims)
    b = other.dims if len(other.dims) > 1 else (*other.dims, 1)
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    _check_inner(a[-1], b[-2])
    letters = _LOWER[: rank - 2]
    result = (*(max(pair) for pair in zip(a[:-2], b[:-2], strict=True)), a[-2], b[-1])
    y = summed_product(op, [(one, a, f"{letters}xy"), (other, b, f"{letters}yz")], f"{letters}xz", result)
    wanted = result if len(one.dims) > 1 else (*result[:-2], result[-1])
    wanted = wanted if len(other.dims) > 1 else wanted[:-1]
    return y if wanted == result else reshaped(op, y, wanted)


def summed_product(op: NodeContext, terms: Sequence[Term], out: str, dims: Dims, *, scaled: bool = False) -> Value:
    """Write a sum of products; axes of size 1 are left out of the equation, so they are broadcast."""
    more: dict[str, Any] = {"scaled": True} if scaled else {}
    if len(terms) == 2 and _is_matmul(terms, out):  # noqa: PLR2004  (two factors)
        values = [op.draft.as_layout(value, value.batch_axis, len(value.inner) - 1) for value, _, _ in terms]
        return op.row("MatMul", *values, transpose=terms[0][2][-1] == terms[1][2][-1], **more)
    parts, names = [], []
    for value, sizes, term in terms:
        kept = [place for place, size in enumerate(sizes) if size > 1] or [*range(len(sizes))][-1:]
        active = parameter(op, value) if value.static else value
        parts.append(_without_batch(op, active, tuple(sizes[place] for place in kept)))
        names.append("".join(term[place] for place in kept) or "Z")  # one number, as an axis of size 1
    read = {*"".join(names)}
    places = [place for place, letter in enumerate(out) if letter in read]
    places = [place for place in places if dims[place] > 1] or places[:1]
    written = "".join(out[place] for place in places)
    y = op.row("Einsum", *parts, batch_axis=None, equation=f"{','.join(names)}->{written}", **more)
    return reshaped(op, y, dims)


def _without_batch(op: NodeContext, value: Value, dims: Dims) -> Value:
    """Return a tensor with other axes, none of them left out as a batch."""
    y = reshaped(op, value, dims)
    return y if y.batch_axis is None else op.draft.as_layout(y, None, op.channel_axis(y))


def _is_matmul(terms: Sequence[Term], out: str) -> bool:
    """Tell whether the kind MatMul says the same: equally many matrices on both sides, columns last."""
    (one, a, read), (other, b, second) = terms
    plain = not one.static and not other.static and one.dims == a and other.dims == b and a[:-2] == b[:-2]
    plain = plain and bool(a) and b[second.find(read[-1:])] == a[-1]
    in_matrix = one.batch_axis in {len(a) - 1, len(a) - 2}
    is_diagonal = len({*read}) < len(read) or read[-1:] == out[-1:]
    if not plain or one.batch_axis != other.batch_axis or in_matrix or len(one.inner) == 1 or is_diagonal or not out:
        return False
    copies, inner = read[:-2], read[-1]
    return second in {f"{copies}{inner}{out[-1]}", f"{copies}{out[-1]}{inner}"} and out[:-1] == read[:-1]


def gemm(op: NodeContext) -> list[Value]:
    """Gemm: a linear layer, with a bias if it is given."""
    x, weight, bias = op.at(0), op.at(1), op.get(2)
    if len(x.dims) != 2 or len(weight.dims) != 2:  # noqa: PLR2004  (matrices)
        raise Refusal("its inputs are not matrices")
    turned, flipped = bool(op.integer("transA", 0)), bool(op.integer("transB", 0))
    inner, out = weight.dims[::-1] if flipped else weight.dims
    bias = bias if op.attribute("beta", 1.0) else None
    op.expect(bias, 1, out, x.dims[turned], x.dims[turned] * out)
    if not turned and not x.static and weight.static:
        _check_inner(x.dims[1], inner)
        is_bias = bias is not None and bias.static and bias.elements == out
        y = linear(op, x, weight, out, bias if is_bias else None)
        return [added(op, y, None if is_bias else bias)]
    terms: list[Term] = [(x, x.dims, "yx" if turned else "xy"), (weight, weight.dims, "zy" if flipped else "yz")]
    plain = not turned and not flipped
    y = _product(op, x, weight) if plain else summed_product(op, terms, "xz", (x.dims[turned], out))
    return [added(op, y, bias)]


def einsum(op: NodeContext) -> list[Value]:
    """Einsum: a sum of products over axes that letters name."""
    equation = str(op.attribute("equation", "")).replace(" ", "")
    for letters, value in zip(equation.split("->")[0].split(","), op.present, strict=False):
        if "." not in letters and len(letters) != len(value.dims):
            raise Refusal(f"{letters!r} does not name the axes of its input of {render(value.dims)}")
    try:
        names, out = named_axes(equation, [len(value.dims) for value in op.present])
    except ShapeError as error:
        raise Refusal(str(error)) from None
    spelled = dict(zip(dict.fromkeys(name for term in (*names, out) for name in term), _LETTERS, strict=False))
    sizes: dict[str, int] = {}
    terms = list[Term]()
    for term, value in zip(names, op.present, strict=True):
        for name, size in zip(term, value.dims, strict=True):
            known = sizes.get(name, 1)
            if 1 != size != known != 1:
                raise Refusal(f"the axis {name} of {equation!r} cannot be both {known} and {size}")
            sizes[name] = max(size, known)
        terms.append((value, value.dims, "".join(spelled[name] for name in term)))
    dims, written = tuple(sizes[name] for name in out), "".join(spelled[name] for name in out)
    if _is_linear(terms, written):
        return [linear(op, op.present[0], op.present[1], dims[-1])]
    return [summed_product(op, terms, written, dims)]


def _is_linear(terms: Sequence[Term], out: str) -> bool:
    """Tell whether an equation is that of a linear layer."""
    if list(map(len, (terms, terms[-1][2]))) != [2, 2] or terms[0][0].static or not terms[1][0].static:
        return False
    read, second, new = terms[0][2], terms[1][2], out[-1:]
    return new in second and read[-1:] in second and new != read[-1:] and out == read[:-1] + new


_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(op: NodeContext) -> list[Value]:
    """RNN, GRU and LSTM: one layer, in one or both directions; quantized weights are transposed."""
    kind, x, weight, states = op.node.op.removeprefix("DynamicQuantize"), op.at(0), op.at(1), op.at(2)
    if len(x.dims) != 3 or len(weight.dims) != 3 or len(states.dims) != 3:  # noqa: PLR2004  (time, batch, channels)
        raise Refusal("it needs a sequence of three axes, and weights of three")
    ways, place = 1 + (op.attribute("direction", "forward") == "bidirectional"), 1 + (kind != op.node.op)
    hidden, batch_first = op.integer("hidden_size", states.dims[-place]), bool(op.integer("layout", 0))
    rows = _GATES[kind] * hidden
    for value, width, what in ((weight, x.dims[2], "weights"), (states, hidden, "recurrent weights")):
        fitting(value, (ways, rows, width) if place == 1 else (ways, width, rows), what)
    bias, initial = fitting(op.get(3), (ways, 2 * rows), "bias"), (op.named("initial_h"), op.named("initial_c"))
    batch = x.dims[0 if batch_first else 1]
    for state in filter(None, initial):  # a batch of one may stand for the batch that the file fixes
        if state.dims[-1:] != (hidden,) or (batch > 1 and state.elements != ways * batch * hidden):
            raise Refusal(f"an initial state is {render(state.dims)}, and has to be {ways}×{batch}×{hidden}")
    batch_axis = x.batch_axis if x.batch_axis in {0, 1} else None
    x = op.draft.as_layout(x, batch_axis, len(x._replace(batch_axis=batch_axis).inner) - 1)
    fields = {"hidden_size": hidden, "bidirectional": ways > 1, "bias": bias is not None}
    y = op.row(kind, x, params={"rnn_weight": [weight, states], "rnn_bias": bias}, **fields)
    learned = (state for state in initial if state is not None and any(state.data or ()))
    op.also(y, fitting(op.named("P"), (ways, 3 * hidden), "peepholes"), *learned)
    return _of_sequence(op, y, x.dims[:2], (ways, hidden), batch_first=batch_first)


def _of_sequence(op: NodeContext, y: Value, sizes: Dims, state: Dims, *, batch_first: bool) -> list[Value]:
    """Return all states with the directions on an axis of their own, and the last ones."""
    (ways, hidden), (steps, batch) = state, sizes[::-1] if batch_first else sizes
    dims = (batch, steps, ways, hidden) if batch_first else (steps, ways, batch, hidden)
    last = (batch, ways, hidden) if batch_first else (ways, batch, hidden)
    ends = [_last_state(op, y, int(batch_first), last) if op.wants(place) else y for place in (1, 2)]
    return [reshaped(op, y, dims), *ends]


def _last_state(op: NodeContext, y: Value, axis: int, dims: Dims) -> Value:
    """Write the state after the last token."""
    if y.dims[axis] == 1:
        return reshaped(op, y, dims)
    wide = op.draft.as_layout(y, None, 2) if y.batch_axis == axis else y
    return reshaped(op, op.row("Take", wide, axis=wide.inner_axis(axis) - len(wide.inner), size=1), dims)


def activated(op: NodeContext, y: Value) -> Value:
    """Write the activation that is fused into a layer."""
    if not (name := op.attribute("activation", "")):
        return y
    function = "hardtanh" if name == "Clip" else ACTIVATIONS.get(plain_word(name))
    if function is None:
        raise Refusal(f"its activation {name!r} is not supported")
    return op.row("Activation", y, function=function)


def fused_matmul(op: NodeContext) -> list[Value]:
    """FusedMatMul: a product of two tensors, whose axes are moved before; then the first may be one of rows."""
    return [activated(op, multiplied(op, *(_turned(op, op.at(place), "AB"[place]) for place in (0, 1))))]


def _turned(op: NodeContext, x: Value, which: str) -> Value:
    """Return an operand with its axes as the attributes say: the copies first, then the last two exchanged."""
    order = [*range(len(x.dims))]
    if len(order) > 2 and op.integer(f"transBatch{which}", 0):  # noqa: PLR2004  (copies)
        order = [*order[1:-1], order[0], order[-1]]
    if len(order) > 1 and op.integer(f"trans{which}", 0):
        order[-2:] = order[:-3:-1]
    if order == sorted(order):
        return x
    turned = x._replace(dims=tuple(x.dims[axis] for axis in order))
    return turned if x.static else op.call(transpose, x, perm=tuple(order))[0]


_STATES = "X W R B sequence_lens* initial_h"
_QUANTIZED = "direction hidden_size activation_alpha* activation_beta* activations* clip*"
_CELL = f"{_QUANTIZED} layout output_sequence*"

OPERATORS: Mapping[str, Writer] = {
    "MatMul": lambda op: [multiplied(op, op.at(0), op.at(1))],
    "Gemm": gemm,
    "Einsum": einsum,
    "RNN": Signed(recurrent, _STATES, _CELL),
    "GRU": Signed(recurrent, _STATES, f"{_CELL} linear_before_reset*"),
    "LSTM": Signed(recurrent, f"{_STATES} initial_c P", f"{_CELL} input_forget*"),
    "com.microsoft.DynamicQuantizeLSTM": Signed(
        recurrent, f"{_STATES} initial_c P W_scale* W_zero_point* R_scale* R_zero_point*", f"{_QUANTIZED} input_forget*"
    ),
}
"""Operators by the function that writes their layers."""
