"""The operators of PyTorch that move numbers, reduce axes or make tensors."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import TensorProto
from flopcount.readers.pt2.lower import BOOL, DTYPES, FLOAT, INT64, LoweredCall, Rule
from flopcount.readers.pt2.ops import ATEN, batched, binary, identity, places
from flopcount.readers.pt2.program import CallGraph, NameRef, TensorMeta
from flopcount.readers.pt2.sizes import named, sized

_END = 2**63 - 1
"""Stands for the end of an axis."""


def _reshape(name: str) -> Rule:
    """Return the rule of a view of given sizes; a view as another type has those of the program."""

    def rule(op: LoweredCall) -> str | list[str]:
        return op.emit("Reshape", op.tensor(), op.ints(op.get(name)), allowzero=1) if op.has(name) else declared(op)

    return rule


def _as(op: LoweredCall) -> str:
    """Give a tensor the sizes of another."""
    kind = "Expand" if op.name.startswith("expand") else "Reshape"
    return op.emit(kind, op.tensor(), op.emit("Shape", op.tensor("other")))


def _flatten(op: LoweredCall) -> str:
    rank = op.rank()
    if not rank:
        return op.emit("Reshape", op.tensor(), op.ints(1))
    start, end = op.axis("start_dim", 0), op.axis("end_dim", -1)
    sizes = _own(op)
    return op.emit("Reshape", op.tensor(), op.ints((*sizes[:start], -1, *sizes[end + 1 :])))


def _own(op: LoweredCall) -> list[Any]:
    """Return the sizes of the first tensor, as arguments."""
    x, dims = op.tensor(), op.dims()
    return [size if isinstance(size, int) else NameRef(named(op, op.size(x, axis))) for axis, size in enumerate(dims)]


def _unflatten(op: LoweredCall) -> str:
    axis, rank = op.axis("dim", 0), op.rank()
    own = _own(op)
    return op.emit("Reshape", op.tensor(), op.ints((*own[:axis], *op.get("sizes"), *own[axis + 1 : rank])))


def _squeeze(op: LoweredCall) -> str:
    axes = op.axes() if op.has("dim") else tuple(place for place, size in enumerate(op.dims()) if size == 1)
    axes = tuple(axis for axis in axes if op.dims()[axis] == 1)
    return op.emit("Squeeze", op.tensor(), op.ints(axes)) if axes else op.tensor()


def _permute(op: LoweredCall) -> str:
    return op.emit("Transpose", op.tensor(), perm=op.axes("dims"))


def _exchanged(first: str, second: str) -> Rule:
    """Return the rule of two axes that change places, the last two if they have no names."""

    def rule(op: LoweredCall) -> str:
        order = [*range(op.rank())]
        if len(order) < 2:  # noqa: PLR2004
            return op.tensor()
        one, other = (op.axis(first, -2), op.axis(second, -1)) if first else (len(order) - 2, len(order) - 1)
        order[one], order[other] = order[other], order[one]
        return op.emit("Transpose", op.tensor(), perm=tuple(order))

    return rule


def _reversed_axes(op: LoweredCall) -> str:
    return op.emit("Transpose", op.tensor(), perm=tuple(reversed(range(op.rank()))))


def _movedim(op: LoweredCall) -> str:
    sources, targets = op.axes("source"), op.axes("destination")
    places = dict(zip(targets, sources, strict=True))
    left = iter(axis for axis in range(op.rank()) if axis not in sources)
    order = tuple(places[place] if place in places else next(left) for place in range(op.rank()))
    return op.emit("Transpose", op.tensor(), perm=order)


def _expand(op: LoweredCall) -> str:
    sizes = tuple(1 if isinstance(size, int) and size == -1 else size for size in op.get("size", ()))
    return op.emit("Expand", op.tensor(), op.ints(sizes))


def _repeat(op: LoweredCall) -> str:
    times, x = op.get("repeats", op.get("dims", ())), op.tensor()
    more = len(times) - op.rank()
    if more > 0:
        x = op.emit("Unsqueeze", x, op.ints(tuple(range(more))))
    return op.emit("Tile", x, op.ints((*(1 for _ in range(-more)), *times)))


def _repeat_interleave(op: LoweredCall) -> str:
    """Repeat each place of an axis: on an axis of its own, which is then part of that before it."""
    times, axis = op.get("repeats"), op.get("dim")
    if isinstance(times, NameRef) and op.overload != "self_int":
        raise Refusal("how often it repeats each number is a tensor; only one number for all is supported")
    x, dims = op.tensor(), op.dims()
    if axis is None:
        x, axis, rank = op.emit("Reshape", x, op.ints(-1)), 0, 1
        sizes: list[Any] = [-1]
    else:
        axis, rank = axis % len(dims), len(dims)
        sizes = _own(op)
    wide = op.emit("Unsqueeze", x, op.ints(axis + 1))
    ones = (*(1 for _ in range(axis + 1)), times, *(1 for _ in range(rank - axis - 1)))
    sizes[axis] = -1
    return op.emit("Reshape", op.emit("Tile", wide, op.ints(ones)), op.ints(tuple(sizes)))


def _bounds(op: LoweredCall, start: Any, end: Any, axis: int, step: int = 1) -> str:
    return op.emit("Slice", op.tensor(), *(op.ints(each) for each in (start, end, axis, step)))


def _slice(op: LoweredCall) -> str:
    start, end, step = op.get("start", 0), op.get("end", _END), op.get("step", 1)
    if start == 0 and end == _END and step == 1:
        return op.tensor()
    return _bounds(op, start, end, op.axis("dim", 0), step)


def _narrow(op: LoweredCall) -> str:
    start, length = op.get("start"), op.get("length")
    if isinstance(start, int) and isinstance(length, int):
        return _bounds(op, start, start + length, op.axis("dim", 0))
    names = [op.graph.value(each) for each in (start, length)]
    return _bounds(op, start, NameRef(named(op, op.emit("Add", *names))), op.axis("dim", 0))


def _select(op: LoweredCall) -> str:
    return op.emit("Gather", op.tensor(), op.graph.value(op.get("index")), axis=op.axis("dim", 0))


def _unbind(op: LoweredCall) -> list[str]:
    axis, x, many = op.axis("dim", 0), op.tensor(), len(op.call.outputs)
    return [op.emit("Gather", x, op.graph.value(place), axis=axis) if op.is_read(place) else x for place in range(many)]


def _split(op: LoweredCall) -> list[str]:
    """Split an axis: into shares of a size, into a number of shares, or into shares of given sizes."""
    axis, many, x = op.axis("dim", 0), len(op.call.outputs), op.tensor()
    sizes = op.get("split_sizes", op.get("split_size"))
    whole = op.dims()[axis]
    if op.has("chunks") or op.has("sections"):
        count = op.get("chunks", op.get("sections"))
        if not isinstance(whole, int):
            return op.several("Split", x, count=many, axis=axis, num_outputs=many)
        sizes = -(-whole // count)
    if isinstance(sizes, int) and isinstance(whole, int):
        sizes = tuple(max(min(sizes, whole - place * sizes), 0) for place in range(many))
    if isinstance(sizes, tuple) and not isinstance(sizes, NameRef):
        if sizes == (whole,):
            return [x]
        return op.several("Split", x, op.ints(sizes), count=len(sizes), axis=axis)
    share = op.graph.value(sizes)
    edges = [op.emit("Mul", share, op.graph.value(number)) for number in range(many + 1)]
    refs = [NameRef(named(op, edge)) for edge in edges]
    return [_bounds(op, one, other, axis) for one, other in pairwise(refs)]


def _tensor_split(op: LoweredCall) -> list[str]:
    axis = op.axis("dim", {"hsplit": int(op.rank() > 1), "dsplit": 2}.get(op.name, 0))
    whole, many = op.dims()[axis], len(op.call.outputs)
    places = op.get("indices")
    if places is not None:
        edges = (0, *places, _END)
        return [_bounds(op, one, other, axis) for one, other in pairwise(edges)]
    if not isinstance(whole, int):
        raise Refusal("it splits an axis of an open size into unequal shares")
    sizes = tuple(whole // many + (place < whole % many) for place in range(many))
    return op.several("Split", op.tensor(), op.ints(sizes), count=many, axis=axis)


def _cat(op: LoweredCall) -> str:
    first = next(
        (value for value in op.get("tensors") if len(op.graph.meta(value.name).dims) > 1), op.get("tensors")[0]
    )
    rank = len(op.graph.meta(first.name).dims)
    return op.emit("Concat", *op.tensors("tensors"), axis=op.get("dim", op.get("axis", 0)) % max(rank, 1))


def _stack(op: LoweredCall) -> str:
    first = op.get("tensors")[0]
    axis = op.get("dim", 0) % (len(op.graph.meta(first.name).dims) + 1)
    parts = [op.emit("Unsqueeze", each, op.ints(axis)) for each in op.tensors("tensors")]
    return op.emit("Concat", *parts, axis=axis)


def _pad(op: LoweredCall) -> str:
    """Pad the last axes; the numbers are those of the last axis first."""
    pads, rank = op.get("pad", op.get("padding")), op.rank()
    axes = tuple(rank - 1 - place for place in range(len(pads) // 2))
    numbers = op.ints((*pads[::2], *pads[1::2]))
    return op.emit("Pad", op.tensor(), numbers, "", op.ints(axes))


def _index(op: LoweredCall) -> str:
    """Take places along some axes; along one it is a Gather. A mask stands for as many axes as it has."""
    axis, picked = 0, dict[int, str]()
    for each in op.get("indices"):
        meta = op.graph.meta(each.name) if each is not None else TensorMeta(())
        is_mask = meta.dtype in {"bool", "uint8"}
        found = places(op, each) if is_mask else ["" if each is None else op.graph.value(each)]
        picked |= {place: name for place, name in enumerate(found, axis) if name}
        axis += len(found)
    if len(picked) == 1:
        return op.emit("Gather", op.tensor(), *picked.values(), axis=next(iter(picked)))
    return op.emit("index", op.tensor(), *picked.values(), domain=ATEN, axes=tuple(picked))


def _like(op: LoweredCall) -> list[str]:
    """Write an operator whose outputs have the sizes of its first tensor, and that reads what else it is given."""
    values = [value for value in op.call.args.values() if isinstance(value, NameRef)]
    names = [op.graph.value(value) for value in values]
    return [op.emit("like", *names, domain=ATEN)] * max(len(op.call.outputs), 1)


def _gather(op: LoweredCall) -> str:
    return op.emit("GatherElements", op.tensor(), op.tensor("index"), axis=op.axis("dim", 0))


def _embedding(op: LoweredCall) -> str:
    return op.emit("Gather", op.tensor("weight"), op.tensor("indices"), axis=0)


def _embedding_bag(op: LoweredCall) -> list[str]:
    """Look up bags of ids, and add up each."""
    rows = op.emit("Gather", op.tensor("weight"), op.tensor("indices"), axis=0)
    meta = op.graph.metas.get(op.call.outputs[0])
    if meta is None:
        raise Refusal("the number of its bags is not known")
    return [op.emit("sized", rows, op.ints(sized(op, meta.dims)), domain=ATEN)] * max(len(op.call.outputs), 1)


# reductions


def reduction(kind: str, many: bool = False) -> Rule:  # noqa: FBT001, FBT002  (a flag of the table)
    """Return the rule of a reduction along some axes, all by default; it may give the places as well."""

    def rule(op: LoweredCall) -> str | list[str]:
        name = "dim" if "dim" in op.call.args else "axis"
        x, keep = op.tensor(), int(bool(op.get("keepdim", False)))
        if not op.rank():
            return [x] * max(len(op.call.outputs), 1)
        axes = op.axes(name)
        attributes: dict[str, Any] = {"axes": axes} if axes else {}
        y = op.emit(kind, x, keepdims=keep, **attributes)
        if many and op.is_read(1):
            return [y, op.emit("ArgMax", x, axis=axes[0], keepdims=keep)]
        return [y] * max(len(op.call.outputs), 1)

    return rule


def _arg(kind: str) -> Rule:
    def rule(op: LoweredCall) -> str:
        keep = int(bool(op.get("keepdim", False)))
        if op.has("dim"):
            return op.emit(kind, op.tensor(), axis=op.axis(), keepdims=keep)
        return op.emit(kind, op.emit("Reshape", op.tensor(), op.ints(-1)), axis=0, keepdims=0)

    return rule


def _top_k(op: LoweredCall) -> list[str]:
    count = op.emit("TopK", op.tensor(), op.ints(op.get("k")), axis=op.axis())
    return [count] * 2


def _kth(op: LoweredCall) -> list[str]:
    keep = int(bool(op.get("keepdim", False)))
    return [op.emit("ReduceMax", op.tensor(), keepdims=keep, axes=op.axes() or (op.rank() - 1,))] * 2


# tensors that are made


def _filled(sizes: Callable[[LoweredCall], str], number: float | None) -> Rule:
    """Return the rule of a tensor that is filled with a number; one that is not given or random is not known."""

    def rule(op: LoweredCall) -> str:
        value = op.get("fill_value", number)
        if value is None:
            return op.emit("sized", sizes(op), domain=ATEN)
        wanted = op.call.args.get("dtype")
        dtype = DTYPES.get(wanted, FLOAT) if isinstance(wanted, str) else _dtype(op, value)
        if isinstance(value, NameRef):
            return op.emit("Expand", op.graph.value(value), sizes(op))
        return op.emit("ConstantOfShape", sizes(op), value=TensorProto("", (1,), dtype, values=(value,)))

    return rule


def _dtype(op: LoweredCall, value: Any) -> int:
    made = op.graph.metas.get(op.call.outputs[0]) if op.call.outputs else None
    if made is not None:
        return DTYPES.get(made.dtype, FLOAT)
    return (
        BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) and op.name.startswith("full") else FLOAT
    )


def _given(op: LoweredCall) -> str:
    if (sizes := op.get("size")) is None:
        raise Refusal("its size is that of its arguments; only sizes that are given are supported")
    return op.ints(sizes)


def _of_other(op: LoweredCall) -> str:
    return op.emit("Shape", op.tensor())


def _arange(op: LoweredCall) -> str:
    start, end, step = op.get("start", 0), op.get("end"), op.get("step", 1)
    return op.emit("Range", *(op.graph.value(each) for each in (start, end, step)))


def _scalar(op: LoweredCall) -> str:
    return op.graph.value(op.get("s", op.get("data", 0)))


def declared(op: LoweredCall) -> list[str]:
    """Write an operator that multiplies nothing, by the sizes that the program gives for what it makes."""
    names = [op.graph.value(value) for value in flat(op.call.args.values()) if isinstance(value, NameRef)]
    found = []
    for name in op.call.outputs:
        meta = op.graph.metas.get(name)
        if meta is None:
            found.append(names[0] if names else "")
            continue
        found.append(op.emit("sized", *names, op.ints(sized(op, meta.dims)), domain=ATEN))
    return found


def _shuffle(kind: str, factor: str) -> Rule:
    def rule(op: LoweredCall) -> Sequence[str]:
        if op.rank() not in {3, 4}:
            return declared(op)
        return [batched(op, "self", 2, lambda x: op.emit(kind, x, blocksize=op.get(factor)))]

    return rule


def flat(values: Any) -> list[Any]:
    """Return the values in lists of arguments one by one."""
    return [each for value in values for each in (flat(value) if _is_list(value) else (value,))]


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value, NameRef | CallGraph)


def _extreme(op: LoweredCall) -> str | list[str]:
    """Max and min: of two tensors, of all numbers, or along an axis, with the places."""
    kind = op.name.rstrip("_").capitalize()
    if op.has("other"):
        return binary(kind)(op)  # type: ignore[return-value]
    return reduction(f"Reduce{kind}", many=True)(op)  # type: ignore[return-value]


def _written_over(source: str) -> Rule:
    """Return the rule of what writes other numbers into a tensor, broadcast to its sizes."""

    def rule(op: LoweredCall) -> str:
        return op.emit("Expand", op.tensor(source), _of_other(op))

    return rule


VIEWS = frozenset(
    (
        *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "numpy_T"),
        *("select", "slice", "narrow", "expand", "expand_as", "view_as", "reshape_as", "movedim", "swapaxes", "mT"),
        *("split", "split_with_sizes", "chunk", "unbind", "alias", "diagonal", "as_strided", "unfold", "detach"),
        *("unsafe_split", "tensor_split", "real", "swapdims", "moveaxis", "view_as_real", "view_as_complex"),
    )
)
"""Operators that make views: what is written into one is written into what it is a view of."""

_IDENTITIES = (
    *("alias", "lift_fresh_copy", "lift_fresh", "lift", "requires_grad_"),
    *("real", "positive", "cpu", "resolve_conj", "resolve_neg", "conj"),
    *("_conj", "pin_memory", "device_put", "embedding_renorm", "conj_physical", "view_of", "_pin_memory", "_to_dense"),
    "to_dense",
)


_TURNED = frozenset(("Transpose", "Slice", "Squeeze", "Gather", "Expand", "Split"))


def _contiguous(op: LoweredCall) -> Sequence[str]:
    """Write a copy in the order of the axes of what was just seen in another way; of other tensors it is none."""
    same, nodes = identity(op), op.graph.nodes
    if not nodes or nodes[-1].op not in _TURNED or same[0] not in nodes[-1].outputs:
        return same
    return [op.emit("contiguous", same[0], domain=ATEN)] * len(same)


def _dropout(op: LoweredCall) -> Sequence[str]:
    """Write dropout, which changes nothing but what training keeps."""
    same, is_whole = identity(op), op.name.startswith("feature")
    p = float(op.get("p", 0.0))
    return [op.emit("dropout", same[0], domain=ATEN, p=p, whole=int(is_whole))] * len(same) if p else same


_ALIKE = (
    *(
        "roll",
        "flip",
        "fliplr",
        "flipud",
        "fill_diagonal_",
        "channel_shuffle",
        "native_channel_shuffle",
        "sort",
        "argsort",
        "cumsum",
        "cumprod",
    ),
    *(
        "cummax",
        "cummin",
        "msort",
        "tril",
        "triu",
        "scatter",
        "scatter_add",
        "scatter_reduce",
        "index_add",
        "index_copy",
        "index_put",
    ),
    *("index_fill", "masked_scatter", "logcumsumexp", "renorm", "slice_scatter", "select_scatter", "diagonal_scatter"),
    *("put", "_unsafe_index_put", "bernoulli", "uniform_", "normal_", "random_", "exponential_"),
    *("fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "quantize_per_tensor"),
    *("_weight_norm_interface", "_weight_norm", "linalg_inv", "linalg_cholesky", "cholesky", "inverse"),
    *("index_reduce", "as_strided_scatter", "fft_fftshift", "fft_ifftshift", "_masked_softmax"),
    *("_index_put_impl", "_unsafe_masked_index_put_accumulate", "dequantize"),
    *("fake_quantize_per_tensor_affine_cachemask", "fake_quantize_per_channel_affine_cachemask"),
    *("quantize_per_channel", "_fake_quantize_learnable_per_tensor_affine"),
    "_fake_quantize_learnable_per_channel_affine",
    *("_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", "dequantize_per_tensor", "dequantize_per_channel"),
    *("_logcumsumexp", "poisson", "binomial"),
)

_SIZED = (
    *("as_strided", "unfold", "im2col", "col2im", "diagonal", "diag_embed", "one_hot", "bucketize", "searchsorted"),
    *("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_fft2", "fft_rfft2", "fft_irfft2", "fft_ifft2", "fft_rfftn"),
    *("fft_irfftn", "fft_fftn", "fft_ifftn", "_fft_r2c", "_fft_c2c", "_fft_c2r", "stft", "istft", "complex", "polar"),
    *("view_as_real", "view_as_complex", "meshgrid", "cartesian_prod", "combinations", "cross", "histc", "trace"),
    *(
        "max_unpool2d",
        "max_unpool3d",
        "roi_align",
        "roi_pool",
        "ps_roi_align",
        "rot90",
        "segment_reduce",
        "multinomial",
        "isin",
        "diff",
        "take",
    ),
    *("take_along_dim", "linalg_det", "linalg_norm", "imag", "angle", "count_nonzero", "median", "mode"),
    *("nanmedian", "quantile", "triangular_solve", "fractional_max_pool2d", "linalg_solve", "nansum"),
    *("block_diag", "broadcast_tensors", "atleast_1d", "atleast_2d", "atleast_3d", "hstack", "vstack", "dstack"),
    *("column_stack", "row_stack", "diag", "diagflat", "kron", "vander", "logdet", "linalg_diagonal"),
    *("linalg_inv_ex", "linalg_cholesky_ex", "linalg_lu", "linalg_qr", "linalg_lu_factor"),
    *("linalg_lu_factor_ex", "linalg_lu_solve", "linalg_solve_ex", "linalg_solve_triangular", "linalg_svd"),
    *("linalg_svdvals", "svd", "qr", "linalg_eigh", "linalg_eigvalsh", "linalg_eig", "linalg_eigvals"),
    *("linalg_slogdet", "slogdet", "det", "linalg_matrix_norm", "linalg_matrix_rank", "linalg_householder_product"),
    *("_linalg_svd", "_linalg_eigh", "_linalg_det", "_linalg_slogdet", "_linalg_solve_ex", "cholesky_solve"),
    *("lu_unpack", "linalg_cross", "linalg_vander", "linalg_lstsq", "dist", "trapz", "trapezoid"),
    *("cumulative_trapezoid", "equal", "fft_hfft", "fft_ihfft", "fft_c2c", "fft_r2c", "fft_c2r"),
    *("fractional_max_pool3d", "nll_loss", "nll_loss2d", "nll_loss_nd"),
    *("nll_loss_forward", "nll_loss2d_forward", "cross_entropy_loss", "ctc_loss", "_ctc_loss", "mse_loss", "l1_loss"),
    *("smooth_l1_loss", "huber_loss", "kl_div", "binary_cross_entropy", "hash_tensor"),
    *("binary_cross_entropy_with_logits", "poisson_nll_loss", "soft_margin_loss", "hinge_embedding_loss"),
    *("cosine_embedding_loss", "margin_ranking_loss", "triplet_margin_loss", "multi_margin_loss", "pairwise_distance"),
    *("multilabel_margin_loss", "cosine_similarity", "_pdist_forward", "pdist", "nanquantile", "choose_qparams"),
    *("eye", "linspace", "logspace", "tril_indices", "triu_indices", "hann_window", "hamming_window", "randperm"),
    *("blackman_window", "kaiser_window", "bartlett_window", "fft_fftfreq", "fft_rfftfreq"),
)

_FILLS = {"zeros": 0, "ones": 1, "full": None, "empty": 0}
"""What tensors are filled with; numbers that nothing reads before they are written are 0."""

_REDUCED = {
    **{name: f"Reduce{name.capitalize()}" for name in ("mean", "sum", "prod")},
    **dict.fromkeys(("amax", "any"), "ReduceMax"),
    **dict.fromkeys(("amin", "all"), "ReduceMin"),
    **dict.fromkeys(("norm", "linalg_vector_norm", "std", "var", "std_mean", "var_mean", "frobenius_norm"), "ReduceL2"),
    **dict.fromkeys(("logsumexp", "special_logsumexp"), "ReduceLogSumExp"),
    **dict.fromkeys(("nanmean", "_is_all_true", "_is_any_true"), "ReduceMean"),
}

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias"), _reshape("size")),
    "reshape": _reshape("shape"),
    **dict.fromkeys(("view_as", "reshape_as", "expand_as"), _as),
    **dict.fromkeys(("flatten", "ravel"), _flatten),
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": lambda op: op.emit("Unsqueeze", op.tensor(), op.ints(op.axis("dim", 0, more=1))),
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapdims"), _exchanged("dim0", "dim1")),
    "swapaxes": _exchanged("axis0", "axis1"),
    **dict.fromkeys(("t", "mT", "mH", "adjoint", "matrix_H"), _exchanged("", "")),
    "numpy_T": _reversed_axes,
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    **dict.fromkeys(("expand", "broadcast_to"), _expand),
    **dict.fromkeys(("repeat", "tile"), _repeat),
    "repeat_interleave": _repeat_interleave,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "unbind": _unbind,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "split_copy"), _split),
    **dict.fromkeys(("unsafe_split_with_sizes", "split_with_sizes_copy"), _split),
    **dict.fromkeys(("tensor_split", "hsplit", "vsplit", "dsplit"), _tensor_split),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    "stack": _stack,
    **dict.fromkeys(("pad", "constant_pad_nd", "_pad_circular"), _pad),
    **{f"{kind}_pad{space}d": _pad for kind in ("reflection", "replication") for space in (1, 2, 3)},
    **dict.fromkeys(("index", "_unsafe_index"), _index),
    "index_select": lambda op: op.emit("Gather", op.tensor(), op.tensor("index"), axis=op.axis("dim", 0)),
    "gather": _gather,
    "embedding": _embedding,
    **dict.fromkeys(("embedding_bag", "_embedding_bag"), _embedding_bag),
    "nonzero_numpy": lambda op: places(op, op.get("self")),
    "nonzero": lambda op: op.emit("Transpose", op.emit("NonZero", op.tensor()), perm=(1, 0)),
    "masked_select": lambda op: op.emit("Compress", op.tensor(), op.tensor("mask")),
    "nms": lambda op: op.emit("NonMaxSuppression", op.tensor("dets")),
    **{name: reduction(kind) for name, kind in _REDUCED.items()},
    **dict.fromkeys(("max", "min"), _extreme),
    "aminmax": lambda op: [reduction(kind)(op) for kind in ("ReduceMin", "ReduceMax")],  # type: ignore[misc]
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
    "topk": _top_k,
    "kthvalue": _kth,
    **{f"{begin}{name}": _filled(_given, number) for name, number in _FILLS.items() for begin in ("", "new_")},
    **{f"{name}_like": _filled(_of_other, number) for name, number in _FILLS.items()},
    **{f"{name}_like": _filled(_of_other, None) for name in ("rand", "randn", "randint")},
    **dict.fromkeys(("rand", "randn", "randint", "normal"), _filled(_given, None)),
    **dict.fromkeys(("empty_strided", "empty_permuted", "new_empty_strided"), _filled(_given, 0)),
    "arange": _arange,
    **dict.fromkeys(("scalar_tensor", "tensor"), _scalar),
    **dict.fromkeys(_IDENTITIES, identity),
    **dict.fromkeys(("contiguous", "clone"), _contiguous),
    **dict.fromkeys(
        ("dropout", "alpha_dropout", "native_dropout", "feature_dropout", "feature_alpha_dropout"), _dropout
    ),
    **dict.fromkeys(_ALIKE, _like),
    **dict.fromkeys(_SIZED, declared),
    "pixel_shuffle": _shuffle("DepthToSpace", "upscale_factor"),
    "pixel_unshuffle": _shuffle("SpaceToDepth", "downscale_factor"),
    "copy": _written_over("src"),
    "fill": _written_over("value"),
    "zero_": _filled(_of_other, 0),
    "detach": lambda op: op.emit("Detach", op.tensor()),
}
"""Rules by the name of the operator."""
