"""Operators of ONNX that multiply matrices: linear layers, products, attention, recurrence."""

from typing import Any

from flopcount.readers.onnx.layout import joined, parameter, reshaped, same
from flopcount.readers.onnx.ops_conv import convolved, weighed
from flopcount.readers.onnx.values import ACTIVATIONS, Call, Dims, Unreadable, Value

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def matmul_products(call: Call) -> list[Value]:
    """MatMul: with weights a linear layer, else a product of two tensors."""
    return [multiplied(call, call.at(0), call.at(1))]


def multiplied(call: Call, one: Value, other: Value) -> Value:
    """Write the product of matrices, or of as many pairs as there are."""
    if not one.static and other.static and len(other.dims) == 2 and len(one.dims) > 0:  # noqa: PLR2004  (a matrix)
        if one.dims[-1] != other.dims[0]:
            raise Unreadable(f"{one.dims[-1]} columns cannot meet {other.dims[0]} rows")
        return linear(call, one, other, other.dims[1])
    return _product(call, one, other)


def linear(call: Call, x: Value, weight: Value, out: int, bias: Value | None = None) -> Value:
    """Write a linear layer of what is on the last axis."""
    rank = len(x.dims)
    if x.drop == rank - 1:
        x = call.rows.viewed(x, 0 if x.dims[0] == 1 and rank > 1 else None, len(x.ours) - 1)
    x = call.rows.viewed(x, x.drop, len(x.ours) - 1)
    fields = {"out_features": out, **({} if bias is not None else {"bias": False})}
    y = call.rows.row("Linear", [x], (*x.dims[:-1], out), x.drop, len(x.ours) - 1, **fields)
    return weighed(call, y, weight, bias)


def _product(call: Call, one: Value, other: Value) -> Value:
    """Write a product of two tensors as NumPy multiplies them."""
    a = one.dims if len(one.dims) > 1 else (1, *one.dims)
    b = other.dims if len(other.dims) > 1 else (*other.dims, 1)
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    if a[-1] != b[-2]:
        raise Unreadable(f"{a[-1]} columns cannot meet {b[-2]} rows")
    letters = LETTERS[: rank - 2]
    result = (*(max(pair) for pair in zip(a[:-2], b[:-2], strict=True)), a[-2], b[-1])
    y = einsum_of(call, [(one, a, f"{letters}xy"), (other, b, f"{letters}yz")], f"{letters}xz", result)
    wanted = result if len(one.dims) > 1 else (*result[:-2], result[-1])
    wanted = wanted if len(other.dims) > 1 else wanted[:-1]
    return y if wanted == result else reshaped(call, y, wanted)


def einsum_of(call: Call, terms: list[tuple[Value, Dims, str]], out: str, dims: Dims) -> Value:
    """Write a sum of products; axes of size 1 are left out of the equation, so that they stretch."""
    rows = call.rows
    if len(terms) == 2 and _is_plain(terms, out):  # noqa: PLR2004  (two factors)
        values = [rows.viewed(value, value.drop, len(value.ours) - 1) for value, _, _ in terms]
        turned = {"transpose": True} if terms[0][2][-1] == terms[1][2][-1] else {}
        return rows.row("MatMul", values, dims, values[0].drop, len(values[0].ours) - 1, **turned)
    parts, names = [], []
    for value, sizes, letters in terms:
        kept = [place for place, size in enumerate(sizes) if size > 1] or [len(sizes) - 1]
        active = parameter(call, value) if value.static else value
        squeezed = tuple(sizes[place] for place in kept)
        parts.append(_squeezed(call, active, squeezed))
        names.append("".join(letters[place] for place in kept))
    read = {*"".join(names)}
    written = [place for place, letter in enumerate(out) if letter in read and dims[place] > 1]
    written = written or [place for place, letter in enumerate(out) if letter in read][:1]
    small, letters = tuple(dims[place] for place in written), "".join(out[place] for place in written)
    if not letters:  # one number comes out: an axis of size 1 stands for it
        parts[0], names[0] = _squeezed(call, parts[0], (1, *parts[0].dims)), f"Z{names[0]}"
        small, letters = (1,), "Z"
    y = rows.row("Einsum", parts, small, None, len(small) - 1, equation=f"{','.join(names)}->{letters}")
    return reshaped(call, y, dims)


def _squeezed(call: Call, value: Value, dims: Dims) -> Value:
    y = reshaped(call, value, dims)
    return call.rows.viewed(y, None, call.rows.axis(y)) if y.drop is not None else y


def _is_plain(terms: list[tuple[Value, Dims, str]], out: str) -> bool:
    """Tell whether the kind MatMul says the same: equally many matrices on both sides, columns last."""
    (one, a, read), (other, b, second) = terms
    plain = not one.static and not other.static and one.dims == a and other.dims == b and a[:-2] == b[:-2]
    if not plain or one.drop != other.drop or one.drop in {len(a) - 1, len(a) - 2} or len(one.ours) == 1:
        return False
    copies, inner = read[:-2], read[-1]
    return second in {f"{copies}{inner}{out[-1]}", f"{copies}{out[-1]}{inner}"} and out[:-1] == read[:-1]


def gemm(call: Call) -> list[Value]:
    """Gemm: a linear layer, with a bias if there is one."""
    x, weight, bias = call.at(0), call.at(1), call.get(2)
    if len(x.dims) != 2 or len(weight.dims) != 2:  # noqa: PLR2004  (matrices)
        raise Unreadable("its inputs are no matrices")
    out = weight.dims[0] if call.whole("transB", 0) else weight.dims[1]
    inner = weight.dims[1] if call.whole("transB", 0) else weight.dims[0]
    if not call.whole("transA", 0) and not x.static and weight.static:
        if inner != x.dims[1]:
            raise Unreadable(f"{x.dims[1]} columns cannot meet {inner} rows")
        simple_bias = bias is not None and bias.static and bias.elements == out
        y = linear(call, x, weight, out, bias if simple_bias else None)
        return [y if simple_bias or bias is None else joined(call, "add", [y, bias])]
    a = (x, x.dims, "yx" if call.whole("transA", 0) else "xy")
    b = (weight, weight.dims, "zy" if call.whole("transB", 0) else "yz")
    rows = x.dims[1] if call.whole("transA", 0) else x.dims[0]
    y = einsum_of(call, [a, b], "xz", (rows, out)) if a[2] + b[2] != "xyyz" else _product(call, x, weight)
    return [y if bias is None else joined(call, "add", [y, bias])]


def einsum(call: Call) -> list[Value]:
    """Einsum: a sum of products over axes that letters name."""
    reads, arrow, out = str(call.attribute("equation", "")).replace(" ", "").partition("->")
    inputs = [value for value in call.ins if value is not None]
    terms = reads.split(",")
    if len(terms) != len(inputs) or not reads.replace(",", "").replace("...", "").isalpha():
        raise Unreadable(f"the equation {call.attribute('equation')!r} does not name the axes of {len(inputs)} inputs")
    free = "".join(letter for letter in reversed(_UPPER) if letter not in reads + out)
    terms = [_spelled(term, len(value.dims), free) for term, value in zip(terms, inputs, strict=True)]
    out = _spelled(out, 0, free, max((t for t in terms), key=len)) if "..." in out else out
    if not arrow:
        out = "".join(sorted(letter for letter in {*"".join(terms)} if "".join(terms).count(letter) == 1))
    sizes: dict[str, int] = {}
    for term, value in zip(terms, inputs, strict=True):
        if len(term) != len(value.dims) or len({*term}) != len(term):
            raise Unreadable(f"the equation {call.attribute('equation')!r} does not fit {[*value.dims]}")
        sizes |= {letter: max(size, sizes.get(letter, 1)) for letter, size in zip(term, value.dims, strict=True)}
    if not {*out} <= sizes.keys():
        raise Unreadable(f"the equation {call.attribute('equation')!r} writes what it does not read")
    dims = tuple(sizes[letter] for letter in out)
    whole = [(value, value.dims, term) for value, term in zip(inputs, terms, strict=True)]
    if len(whole) == 2 and _weights(call, whole, out):  # noqa: PLR2004  (a layer and weights)
        return [linear(call, inputs[0], inputs[1], dims[-1])]
    return [einsum_of(call, whole, out or "", dims)]


_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _spelled(term: str, rank: int, free: str, like: str = "") -> str:
    """Write letters in place of three dots."""
    if "..." not in term:
        return term
    named = len(term) - 3
    if like:
        return term.replace("...", "".join(letter for letter in like if letter in free))
    count = max(rank - named, 0)
    return term.replace("...", free[len(free) - count :] if count else "")


def _weights(call: Call, terms: list[tuple[Value, Dims, str]], out: str) -> bool:
    """Tell whether an equation is that of a linear layer."""
    del call
    (x, _, read), (weight, _, second) = terms
    if x.static or not weight.static or len(second) != 2:  # noqa: PLR2004  (a matrix)
        return False
    new = out[-1:]
    return new in second and read[-1:] in second and new != read[-1:] and out == read[:-1] + new


def recurrent(call: Call) -> list[Value]:
    """RNN, GRU and LSTM: one layer, in one or both directions."""
    x, weight, states, bias = call.at(0), call.at(1), call.at(2), call.get(3)
    if len(x.dims) != 3 or len(weight.dims) != 3 or len(states.dims) != 3:  # noqa: PLR2004  (time, batch, channels)
        raise Unreadable("it needs a sequence of three axes, and weights of three")
    ways, hidden, first = weight.dims[0], states.dims[2], call.whole("layout", 0)
    if weight.dims[2] != x.dims[2]:
        raise Unreadable(f"weights for {weight.dims[2]} channels cannot read {x.dims[2]}")
    x = call.rows.viewed(x, x.drop if x.drop in {0, 1} else None, len(x.ours) - 1)
    x = call.rows.viewed(x, x.drop, len(x.ours) - 1)
    if len(x.ours) < 2:  # noqa: PLR2004  (tokens)
        x = call.rows.viewed(x, None, 2)
    fields: dict[str, Any] = {"hidden_size": hidden, **({"bidirectional": True} if ways > 1 else {})}
    fields |= {} if bias is not None else {"bias": False}
    y = call.rows.row(call.node.op, [x], (*x.dims[:2], ways * hidden), x.drop, len(x.ours) - 1, **fields)
    call.rows.settle(y, "rnn_weight", weight, states)
    if bias is not None:
        call.rows.settle(y, "rnn_bias", bias)
    steps, batch = (x.dims[1], x.dims[0]) if first else (x.dims[0], x.dims[1])
    dims = (batch, steps, ways, hidden) if first else (steps, ways, batch, hidden)
    last = (batch, ways, hidden) if first else (ways, batch, hidden)
    used = [bool(name) for name in (*call.node.outputs, "", "")][1:3]
    ends = [_end(call, y, 1 if first else 0, last) if wanted else y for wanted in used]
    return [reshaped(call, y, dims), *ends]


def _end(call: Call, y: Value, axis: int, dims: Dims) -> Value:
    """Write the state after the last token."""
    small = (*y.dims[:axis], 1, *y.dims[axis + 1 :])
    if small == y.dims:
        return reshaped(call, y, dims)
    wide = call.rows.viewed(y, None, 2) if y.drop == axis else y
    place = wide.on(axis) - len(wide.ours)
    z = call.rows.row("Take", [wide], small, wide.drop, call.rows.axis(wide), axis=place, size=1)
    return reshaped(call, z, dims)


def attention_products(call: Call) -> list[Value]:
    """Attention as one operator: queries with keys, softmax, and the sum of values."""
    q, k, v = (_heads(call, index) for index in range(3))
    sources = k.dims[2]
    if q.dims[1] % k.dims[1] or v.dims[2] != sources or q.dims[3] != k.dims[3]:
        raise Unreadable(f"queries of {[*q.dims]} do not fit keys of {[*k.dims]} and values of {[*v.dims]}")
    batch, heads, tokens, size = q.dims
    shared = heads // k.dims[1]
    wide = (batch, k.dims[1], shared, tokens, size)
    scores = einsum_of(
        call,
        [(q, wide, "bghis"), (k, (batch, k.dims[1], 1, sources, size), "bghjs")],
        "bghij",
        (batch, k.dims[1], shared, tokens, sources),
    )
    weights = same(call, "Softmax", call.rows.viewed(scores, scores.drop, len(scores.ours) - 1))
    result = einsum_of(
        call,
        [(weights, weights.dims, "bghij"), (v, (batch, k.dims[1], 1, sources, v.dims[3]), "bghjv")],
        "bghiv",
        (batch, k.dims[1], shared, tokens, v.dims[3]),
    )
    flat = len(call.at(0).dims) == 3  # noqa: PLR2004  (heads beside each other)
    dims = (batch, tokens, heads * v.dims[3]) if flat else (batch, heads, tokens, v.dims[3])
    return [reshaped(call, result, dims)]


def _heads(call: Call, index: int) -> Value:
    """Return queries, keys or values as batch, heads, tokens and channels; the order within does not matter."""
    x = call.at(index)
    x = parameter(call, x) if x.static else x
    if len(x.dims) == 4:  # noqa: PLR2004  (heads are an axis)
        return x
    number = call.whole("q_num_heads" if index == 0 else "kv_num_heads", 0)
    if len(x.dims) != 3 or number < 1 or x.dims[2] % number:  # noqa: PLR2004  (batch, tokens, channels)
        raise Unreadable(f"{number} heads cannot share an input of {[*x.dims]}")
    return reshaped(call, x, (x.dims[0], number, x.dims[1], x.dims[2] // number))


# Operators that ONNX Runtime fuses others into (domain com.microsoft).


def gelu(call: Call) -> list[Value]:
    """Gelu and its approximations, some with a bias before."""
    x, bias = call.at(0), call.get(1)
    x = joined(call, "add", [x, bias]) if bias is not None else x
    return [same(call, "Activation", x, function="gelu")]


def _activated(call: Call, y: Value) -> Value:
    """Write the function that is fused behind a layer."""
    name = call.attribute("activation", "")
    if name in {"", "Clip"}:
        return same(call, "Activation", y, function="hardtanh") if name else y
    if name not in ACTIVATIONS:
        raise Unreadable(f"its activation {name!r} is not known")
    return same(call, "Activation", y, function=ACTIVATIONS[name])


def fused_conv(call: Call) -> list[Value]:
    """FusedConv: a convolution, perhaps a sum with another layer, and a function behind it."""
    y, other = convolved(call, call.at(0), call.at(1), call.get(2)), call.get(3)
    y = joined(call, "add", [y, other]) if other is not None else y
    return [_activated(call, y)]


def fused_gemm(call: Call) -> list[Value]:
    """FusedGemm: a linear layer with a function behind it."""
    return [_activated(call, gemm(call)[0])]


def fused_matmul(call: Call) -> list[Value]:
    """FusedMatMul: a product of two tensors, either transposed before."""
    one, other = (_turned(call, index, name) for index, name in ((0, "transA"), (1, "transB")))
    return [multiplied(call, one, other)]


def _turned(call: Call, index: int, name: str) -> Value:
    """Return an input with its last axes exchanged, if it is to be."""
    x = call.at(index)
    if not call.whole(name, 0) or len(x.dims) < 2:  # noqa: PLR2004  (rows and columns)
        return x
    dims = (*x.dims[:-2], x.dims[-1], x.dims[-2])
    if x.static:
        return x._replace(dims=dims)
    y = call.rows.viewed(x, None if x.drop in {len(x.dims) - 1, len(x.dims) - 2} else x.drop, call.rows.axis(x))
    order = [*range(-len(y.ours), 0)]
    order[-1], order[-2] = order[-2], order[-1]
    fields = {"order": order, "channel_axis": len(y.ours) - 1}
    return call.rows.row("Permute", [y], dims, y.drop, len(y.ours) - 1, **fields)


def attention_runtime(call: Call) -> list[Value]:
    """Attention of ONNX Runtime: one linear layer to queries, keys and values, then the attention itself."""
    x, weight, bias = call.at(0), call.at(1), call.get(2)
    heads, out = call.whole("num_heads", 0), weight.dims[-1]
    if len(x.dims) != 3 or len(weight.dims) != 2 or heads < 1 or out % 3:  # noqa: PLR2004  (tokens; a matrix; q, k, v)
        raise Unreadable("its weights are not those of queries, keys and values")
    y = linear(call, x, weight, out, bias)
    dims = (*x.dims[:2], out // 3)
    last = len(y.ours) - 1
    shares = [
        call.rows.row("Split", [y], dims, y.drop, last, sections=3, **({"index": index} if index else {}))
        for index in range(3)
    ]
    return _attended(call, shares, heads)


def multi_head_attention(call: Call) -> list[Value]:
    """MultiHeadAttention of ONNX Runtime: queries, keys and values come in."""
    values = [call.at(index) for index in range(3)]
    return _attended(call, values, call.whole("num_heads", 0))


def _attended(call: Call, values: list[Value], heads: int) -> list[Value]:
    attributes = {**call.node.attributes, "q_num_heads": heads, "kv_num_heads": heads}
    inner = call._replace(node=call.node._replace(attributes=attributes), ins=tuple(values))
    return [reshaped(call, attention_products(inner)[0], values[0].dims)]


# Operators of ONNX on whole numbers of eight bits: the same layers, with scales and zero points beside them.


def dynamic_quantize(call: Call) -> list[Value]:
    """DynamicQuantizeLinear: whole numbers, with a scale and a zero point that follow from them."""
    y = joined(call, "quantize", [call.at(0)])
    return [y, Value((), data=None), Value((), data=None)]


def conv(call: Call) -> list[Value]:
    """QLinearConv: a convolution; input, weights and bias are its inputs 0, 3 and 8."""
    return [convolved(call, call.at(0), call.at(3), call.get(8))]


def conv_integer(call: Call) -> list[Value]:
    """ConvInteger: a convolution without a bias."""
    return [convolved(call, call.at(0), call.at(1), None)]


def matmul_quantized(call: Call) -> list[Value]:
    """QLinearMatMul: a product of its inputs 0 and 3."""
    return [multiplied(call, call.at(0), call.at(3))]


def matmul_integer(call: Call) -> list[Value]:
    """MatMulInteger: a product of its first inputs."""
    return [multiplied(call, call.at(0), call.at(1))]
