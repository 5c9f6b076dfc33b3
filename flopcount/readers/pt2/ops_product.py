"""The operators of PyTorch that multiply matrices: products, attention, recurrent layers."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from flopcount.errors import Refusal, ShapeError
from flopcount.formulas.tensor import named_axes
from flopcount.readers.pt2.lower import LoweredCall, Rule
from flopcount.readers.pt2.ops import ATEN, trimmed
from flopcount.readers.pt2.ops_shape import declared
from flopcount.readers.pt2.program import NameRef


def _matmul(op: LoweredCall) -> str:
    other = next(name for name in ("other", "mat2", "vec") if op.has(name))
    return op.emit("MatMul", op.tensor("input" if op.has("input") else "self"), op.tensor(other))


def _linear(op: LoweredCall) -> str:
    names = trimmed([op.tensor("input"), op.tensor("weight"), op.optional("bias")])
    return op.emit("linear", *names, domain=ATEN)


def _addmm(one: str, other: str) -> Rule:
    """Return the rule of a product that is added to something; factors of 0 leave it out, as in Gemm."""

    def rule(op: LoweredCall) -> str:
        product = op.emit("MatMul", op.tensor(one), op.tensor(other))
        return op.emit("Add", product, op.tensor()) if op.get("beta", 1) else product

    return rule


def _activated_addmm(op: LoweredCall) -> str:
    y = op.emit("Add", op.emit("MatMul", op.tensor("mat1"), op.tensor("mat2")), op.tensor())
    return op.emit("Gelu" if op.get("use_gelu", False) else "Relu", y)


Term = tuple[str, str]
"""A factor of a sum of products: its name in the graph, and a letter for each axis."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def contracted(op: LoweredCall, terms: list[Term], out: str, path: Sequence[int] = ()) -> str:
    """Multiply tensors pair by pair, from the left or along a path, as `torch.einsum` does.

    What one factor alone has is summed before; a pair that nothing is summed over is multiplied by elements.
    """
    terms = [
        _summed(op, term, {*out, *_letters(terms[:place] + terms[place + 1 :])}) for place, term in enumerate(terms)
    ]
    pairs = iter(zip(path[::2], path[1::2], strict=True))
    while len(terms) > 1:
        one, other = sorted(next(pairs, (0, 1)))
        rest = [term for place, term in enumerate(terms) if place not in {one, other}]
        first, second = terms[one], terms[other]
        kept = {*out, *_letters(rest)}
        made = "".join(dict.fromkeys(each for each in first[1] + second[1] if each in kept)) if rest else out
        y = _multiplied(op, first, second, made)
        terms = [*rest, (y, made)] if path else [(y, made), *rest]
    ((y, left),) = terms
    return y if left == out else op.emit("Einsum", y, equation=f"{left}->{out}")


def _letters(terms: Sequence[Term]) -> str:
    return "".join(letters for _, letters in terms)


def _summed(op: LoweredCall, term: Term, wanted: set[str]) -> Term:
    """Sum a factor over the axes that nothing else has."""
    name, letters = term
    gone = tuple(place for place, letter in enumerate(letters) if letter not in wanted)
    if not gone or len({*letters}) < len(letters):
        return term
    left = "".join(letter for letter in letters if letter in wanted)
    return op.emit("ReduceSum", name, op.ints(gone), keepdims=0), left


def _multiplied(op: LoweredCall, one: Term, other: Term, out: str) -> str:
    """Multiply two factors; letters that are in one of them twice are its diagonal."""
    (left, first), (right, second) = one, other
    is_plain = all(len({*letters}) == len(letters) for letters in (first, second))
    if not is_plain or {*first, *second} - {*out}:
        return op.emit("Einsum", left, right, equation=f"{first},{second}->{out}")
    return op.emit("Mul", *(_spread(op, term, out) for term in (one, other)))


def _spread(op: LoweredCall, term: Term, out: str) -> str:
    """Give a factor the axes of a product, those that it lacks of size 1."""
    name, letters = term
    order = tuple(letters.index(letter) for letter in out if letter in letters)
    name = name if order == tuple(sorted(order)) else op.emit("Transpose", name, perm=order)
    absent = tuple(place for place, letter in enumerate(out) if letter not in letters)
    return op.emit("Unsqueeze", name, op.ints(absent)) if absent else name


def _einsum(op: LoweredCall) -> str:
    key = "tensors" if op.has("tensors") else "operands"
    ranks = [len(op.graph.meta(each.name).dims) for each in op.get(key)]
    try:
        names, out = named_axes(str(op.get("equation")).replace(" ", ""), ranks)
    except ShapeError as error:
        raise Refusal(str(error)) from None
    spelled = dict(zip(dict.fromkeys(name for term in (*names, out) for name in term), _LETTERS, strict=False))
    terms = [(x, "".join(spelled[name] for name in term)) for x, term in zip(op.tensors(key), names, strict=True)]
    return contracted(op, terms, "".join(spelled[name] for name in out), op.get("path", ()))


def _outer(op: LoweredCall) -> str:
    vectors = (("self", "a"), ("vec1" if op.has("vec1") else "self", "a"), ("vec2" if op.has("vec2") else "other", "b"))
    y = contracted(op, [(op.tensor(name), letter) for name, letter in vectors[-2:]], "ab")
    return op.emit("Add", op.tensor(), y) if op.has("vec1") else y


def _inner(op: LoweredCall) -> str:
    """Multiply along the last axis of both."""
    other = "tensor" if op.has("tensor") else "other"
    one, rank = op.rank(), op.rank(other)
    if not one * rank:
        return op.emit("Mul", op.tensor(), op.tensor(other))
    left, right = _LETTERS[: one - 1], _LETTERS[one : one + rank - 1]
    return contracted(op, [(op.tensor(), f"{left}Z"), (op.tensor(other), f"{right}Z")], left + right)


def _bilinear(op: LoweredCall) -> str:
    rows = _LETTERS[: op.rank("input1") - 1]
    terms = [(op.tensor("input1"), f"{rows}X"), (op.tensor("weight"), "ZXY"), (op.tensor("input2"), f"{rows}Y")]
    y = contracted(op, terms, f"{rows}Z")
    return op.emit("Add", y, op.tensor("bias")) if op.has("bias") else y


def _trilinear(op: LoweredCall) -> str:
    """Multiply three tensors with axes of size 1 at given places, and sum over some axes."""
    names = [(f"i{place}", op.get(f"expand{place}", ())) for place in (1, 2, 3)]
    axes = _LETTERS[: op.rank("i1") + len(names[0][1])]
    terms = [(op.tensor(name), "".join(axes[at] for at in range(len(axes)) if at not in gone)) for name, gone in names]
    return contracted(op, terms, "".join(axes[at] for at in range(len(axes)) if at not in op.get("sumdim", ())))


def _tensordot(op: LoweredCall) -> str:
    one, other = [*_LETTERS[: op.rank()]], [*_LETTERS[op.rank() : op.rank() + op.rank("other")]]
    pairs = [*zip(op.axes("dims_self"), op.axes("dims_other", "other"), strict=True)]
    for left, right in pairs:
        other[right] = one[left]
    shared = {one[left] for left, _ in pairs}
    out = "".join(letter for letter in (*one, *other) if letter not in shared)
    return contracted(op, [(op.tensor(), "".join(one)), (op.tensor("other"), "".join(other))], out)


def _chain(op: LoweredCall) -> str:
    """Multiply matrices in the order that multiplies least; the first and the last may be vectors."""
    key = "tensors" if op.has("tensors") else "matrices"
    names, dims = op.tensors(key), [op.graph.meta(each.name).dims for each in op.get(key)]
    sizes: list[Any] = [each[0] if len(each) > 1 or place else 1 for place, each in enumerate(dims)]
    sizes.append(dims[-1][1] if len(dims[-1]) > 1 else 1)
    if not all(isinstance(size, int) for size in sizes):
        raise Refusal("the order of its products follows from sizes that are open; multiply two matrices at a time")

    @cache
    def best(first: int, last: int) -> tuple[int, int]:
        """Return the least number of multiplications, and the last matrix of the left half."""
        edges = sizes[first], sizes[last + 1]
        found = (
            (best(first, cut)[0] + best(cut + 1, last)[0] + edges[0] * sizes[cut + 1] * edges[1], cut)
            for cut in range(first, last)
        )
        return min(found, default=(0, first))

    def product(first: int, last: int) -> str:
        cut = best(first, last)[1]
        return names[first] if first == last else op.emit("MatMul", product(first, cut), product(cut + 1, last))

    if len(names) > _LONGEST:
        raise Refusal(f"it multiplies more than {_LONGEST} matrices")
    return product(0, len(names) - 1)


_LONGEST = 100
"""The most matrices of a chain."""


def _summed_bmm(op: LoweredCall) -> str:
    terms = [(op.tensor("batch1"), "abc"), (op.tensor("batch2"), "acd")]
    y = op.emit("Einsum", *(name for name, _ in terms), equation="abc,acd->bd")
    return op.emit("Add", y, op.tensor()) if op.get("beta", 1) else y


_EUCLIDEAN = 25
"""The most rows of both tensors for which `torch.cdist` computes distances one by one."""


def _distances(op: LoweredCall) -> str | Sequence[str]:
    """Write distances of all rows of two tensors: a product of matrices with two more columns, or none."""
    rows = [op.dims(name)[-2] for name in ("x1", "x2")]
    mode = op.get("compute_mode", 0)
    large = any(not isinstance(count, int) or count > _EUCLIDEAN for count in rows)
    if op.name != "_euclidean_dist" and not (op.get("p", 2) == 2 and mode != 2 and (mode == 1 or large)):  # noqa: PLR2004
        return declared(op)
    zeros = op.ints((0,) * (2 * op.rank("x1") - 1) + (2,))
    one, other = (op.emit("Pad", op.tensor(name), zeros) for name in ("x1", "x2"))
    swapped = (*range(op.rank("x2") - 2), op.rank("x2") - 1, op.rank("x2") - 2)
    return op.emit("Sqrt", op.emit("MatMul", one, op.emit("Transpose", other, perm=swapped)))


def _grouped(op: LoweredCall) -> str:
    """Multiply the rows of each group by a matrix of its own."""
    pairs = ("self", "mat2"), ("mat_a", "mat_b"), ("input", "weight")
    one, other = next(pair for pair in pairs if op.has(pair[0]))
    kind = ("MatMul", "") if op.rank(one) == op.rank(other) == 3 else ("grouped", ATEN)  # noqa: PLR2004
    return op.emit(kind[0], op.tensor(one), op.tensor(other), *trimmed([op.optional("offs")]), domain=kind[1])


def _attention(op: LoweredCall) -> Sequence[str]:
    """Write attention over heads; queries of three axes have one head."""
    dims, axis = [op.dims(name) for name in ("query", "key", "value")], op.ints(1)
    mask = op.optional("attn_mask") or op.optional("attn_bias")
    values = [op.tensor(name) for name in ("query", "key", "value")]
    rank, copies = len(dims[0]), [each[:-2] for each in dims]
    if bool(op.get("enable_gqa", False)) and rank == 4:  # noqa: PLR2004  (heads share keys)
        copies = [each[:-1] for each in copies]
    if rank not in {3, 4} or any(each != copies[0] for each in copies):
        return [_composed(op, values, mask)] * max(len(op.call.outputs), 1)
    if rank == 3:  # noqa: PLR2004
        values = [op.emit("Unsqueeze", value, axis) for value in values]
    y = op.emit("Attention", *trimmed([*values, mask]))
    y = op.emit("Squeeze", y, axis) if rank == 3 else y  # noqa: PLR2004
    return [y] * max(len(op.call.outputs), 1)


def _composed(op: LoweredCall, values: Sequence[str], mask: str) -> str:
    """Write attention of any axes: two products, and a softmax between them."""
    query, key, value = values
    rank = op.rank("key")
    turned = op.emit("Transpose", key, perm=(*range(rank - 2), rank - 1, rank - 2))
    scores = op.emit("MatMul", query, turned)
    return op.emit("MatMul", op.emit("Softmax", op.emit("Add", scores, mask) if mask else scores, axis=-1), value)


def _flex_attention(op: LoweredCall) -> Sequence[str]:
    """Write attention whose scores and mask graphs compute: all of its products."""
    values = [op.graph.value(each) for each in [*op.call.args.values()][:3]]
    return [op.emit("Attention", *values)] * max(len(op.call.outputs), 1)


def _multi_head(op: LoweredCall, x: str, names: Mapping[str, str]) -> str:
    """Write attention of a sequence to itself, with its four linear maps."""
    heads, size = op.get("num_heads"), op.get("embed_dim")
    parts = op.emit("linear", x, op.tensor(names["qkv_weight"]), op.tensor(names["qkv_bias"]), domain=ATEN)
    shape = op.ints((0, 0, heads, size // heads))
    split = op.several("Split", parts, count=3, axis=-1, num_outputs=3)
    turned = [op.emit("Transpose", op.emit("Reshape", each, shape), perm=(0, 2, 1, 3)) for each in split]
    y = op.emit("Transpose", op.emit("Attention", *turned), perm=(0, 2, 1, 3))
    y = op.emit("Reshape", y, op.ints((0, 0, size)))
    return op.emit("linear", y, op.tensor(names["proj_weight"]), op.tensor(names["proj_bias"]), domain=ATEN)


_PROJECTIONS = {name: name for name in ("qkv_weight", "qkv_bias", "proj_weight", "proj_bias")}


def _native_attention(op: LoweredCall) -> Sequence[str]:
    if not op.call.args.get("query") == op.call.args.get("key") == op.call.args.get("value"):
        raise Refusal("its queries, keys and values differ; export the model in training mode")
    y = _multi_head(op, op.tensor("query"), _PROJECTIONS)
    return [y] * max(len(op.call.outputs), 1)


def _encoder_layer(op: LoweredCall) -> str:
    """Write a layer of an encoder: attention and two linear layers, each with a sum and a norm."""
    x, first = op.tensor("src"), bool(op.get("norm_first", False))

    def normed(x: str, number: int) -> str:
        params = (op.tensor(f"norm_weight_{number}"), op.tensor(f"norm_bias_{number}"))
        return op.emit("LayerNormalization", x, *params, axis=-1)

    def forward(x: str) -> str:
        y = op.emit("linear", x, op.tensor("ffn_weight_1"), op.tensor("ffn_bias_1"), domain=ATEN)
        y = op.emit("Gelu" if op.get("use_gelu", False) else "Relu", y)
        return op.emit("linear", y, op.tensor("ffn_weight_2"), op.tensor("ffn_bias_2"), domain=ATEN)

    parts: tuple[Callable[[str], str], ...] = (lambda x: _multi_head(op, x, _PROJECTIONS), forward)
    for number, part in enumerate(parts, 1):
        y = op.emit("Add", x, part(normed(x, number) if first else x))
        x = y if first else normed(y, number)
    return x


def _recurrent(op: LoweredCall) -> list[str]:
    """Write all layers of a recurrent network; the sequence may be packed, then its tokens have one axis."""
    states = op.get("hx")
    states = [
        op.graph.value(each) for each in (states if isinstance(states, tuple) and not _is_ref(states) else (states,))
    ]
    attributes = {
        "function": op.name,
        "num_layers": op.get("num_layers", 1),
        "bidirectional": int(bool(op.get("bidirectional", False))),
        "batch_first": int(bool(op.get("batch_first", False))),
        "states": len(states),
        "dropout": float(op.get("dropout", 0.0)),
    }
    x = op.tensor("input" if op.has("input") else "data")
    names = op.several("recurrent", x, *states, *op.tensors("params"), count=1 + len(states), domain=ATEN, **attributes)
    used = [name if place < 1 or op.is_read(place) else "" for place, name in enumerate(names)]
    node = op.graph.nodes[-1]
    op.graph.nodes[-1] = node._replace(outputs=tuple(used))
    return names


def _is_ref(value: Any) -> bool:
    return isinstance(value, NameRef)


def _cell(op: LoweredCall) -> list[str]:
    """Write one step of a recurrent layer, as linear layers and functions of elements."""
    gates = {"lstm_cell": 4, "gru_cell": 3}.get(op.name, 1)
    hx = op.get("hx")
    state, *cell = [op.graph.value(each) for each in (hx if not _is_ref(hx) else (hx,))]
    parts = [
        op.emit("linear", *trimmed([x, op.tensor(f"w_{key}"), op.optional(f"b_{key}")]), domain=ATEN)
        for x, key in ((op.tensor("input"), "ih"), (state, "hh"))
    ]
    total = op.emit("Add", *parts)
    if gates == 1:
        return [op.emit("Relu" if "relu" in op.name else "Tanh", total)]
    shares = op.several("Split", total, count=gates, axis=-1, num_outputs=gates)
    if gates == 3:  # noqa: PLR2004  (reset, update, new)
        update, new = (
            op.emit("Sigmoid", shares[1]),
            op.emit("Tanh", op.emit("Mul", op.emit("Sigmoid", shares[0]), shares[2])),
        )
        return [op.emit("Add", new, op.emit("Mul", update, op.emit("Sub", state, new)))]
    enter, forget, gate, leave = (op.emit("Tanh" if place == 2 else "Sigmoid", x) for place, x in enumerate(shares))  # noqa: PLR2004
    kept = op.emit("Add", op.emit("Mul", forget, cell[0]), op.emit("Mul", enter, gate))
    return [op.emit("Mul", leave, op.emit("Tanh", kept)), kept]


RULES: Mapping[str, Rule] = {
    "linear": _linear,
    **dict.fromkeys(("matmul", "bmm", "mm", "mv", "_int_mm", "linalg_matmul", "_scaled_mm", "_scaled_mm_v2"), _matmul),
    "addmm": _addmm("mat1", "mat2"),
    "_addmm_activation": _activated_addmm,
    "addbmm": _summed_bmm,
    **dict.fromkeys(("_grouped_mm", "_scaled_grouped_mm", "_scaled_grouped_mm_v2", "grouped_mm_fallback"), _grouped),
    "baddbmm": _addmm("batch1", "batch2"),
    "addmv": _addmm("mat", "vec"),
    "einsum": _einsum,
    **dict.fromkeys(("outer", "ger", "addr"), _outer),
    **dict.fromkeys(("dot", "vdot", "inner"), _inner),
    "bilinear": _bilinear,
    "_trilinear": _trilinear,
    **dict.fromkeys(("linalg_multi_dot", "chain_matmul"), _chain),
    **dict.fromkeys(("cdist", "_cdist_forward", "_euclidean_dist"), _distances),
    "flex_attention": _flex_attention,
    "tensordot": _tensordot,
    **dict.fromkeys(
        (
            "scaled_dot_product_attention",
            *(f"_scaled_dot_product_{name}_attention" for name in ("flash", "efficient", "cudnn")),
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_attention_math",
            "_scaled_dot_product_attention_math_for_mps",
            "_scaled_dot_product_fused_attention_overrideable",
        ),
        _attention,
    ),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
    "_native_multi_head_attention": _native_attention,
    "_transformer_encoder_layer_fwd": _encoder_layer,
}
"""Rules by the name of the operator."""
