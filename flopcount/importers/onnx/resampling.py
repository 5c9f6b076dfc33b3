"""Operators of ONNX that make a map finer or coarser without weights."""

from math import prod

from flopcount.importers.onnx.calls import Call, simple
from flopcount.importers.onnx.values import Dims, Unreadable, Value
from flopcount.importers.onnx.windows import mapped


def resize(call: Call) -> list[Value]:
    """Resize and Upsample: to sizes, or by factors."""
    x = call.at(0)
    sizes = _resized(call, x)
    mode = call.attribute("mode", "nearest")
    if sizes == x.dims:
        return [x]
    if len(sizes) > 2 and sizes[:2] == x.dims[:2]:  # noqa: PLR2004  (a batch and channels)
        x = mapped(call, x)
        word = {"cubic": "bicubic", "nearest": "nearest"}.get(mode) or _linear(len(sizes) - 2)
        fields = {"size": simple(sizes[2:]), **({"mode": word} if word != "nearest" else {})}
        return [call.rows.row("Interpolate", [x], sizes, x.drop, call.rows.axis(x), **fields)]
    y = x._replace(dims=sizes)
    fields = {"operator": call.node.op, "size": [*y.ours], "channel_axis": call.rows.axis(x)}
    return [call.rows.row("Operation", [x], sizes, x.drop, call.rows.axis(x), **fields)]


def _linear(axes: int) -> str:
    return {1: "linear", 2: "bilinear"}.get(axes, "trilinear")


def _resized(call: Call, x: Value) -> Dims:
    """Return the sizes that come out."""
    old = call.node.op == "Upsample" or call.opset < 11  # noqa: PLR2004  (since then there are sizes too)
    scales = call.attribute("scales") or (call.numbers(1) if old else (call.numbers(2) or None))
    sizes = None if old else call.numbers(3)
    axes = call.wholes("axes", range(len(x.dims)))
    given = sizes or scales
    if not given or len(given) != len(axes):
        raise Unreadable("neither sizes nor scales are given for its axes")
    found = [*x.dims]
    for axis, number in zip(axes, given, strict=True):
        found[axis] = int(number) if sizes else int(found[axis] * number)
    return tuple(found)


def shuffle(call: Call) -> list[Value]:
    """DepthToSpace and SpaceToDepth."""
    x = mapped(call, call.at(0))
    block = call.whole("blocksize", 1)
    n, channels, *space = x.dims
    area = block ** len(space)
    if call.node.op == "DepthToSpace":
        kind, fields, dims = (
            "PixelShuffle",
            {"upscale_factor": block},
            (n, channels // area, *(s * block for s in space)),
        )
    else:
        kind, fields = "PixelUnshuffle", {"downscale_factor": block}
        dims = (n, channels * area, *(size // block for size in space))
    if prod(dims) != x.elements:
        raise Unreadable(f"blocksize = {block} does not divide its input of {[*x.dims]}")
    return [call.rows.row(kind, [x], dims, x.drop, call.rows.axis(x), **fields)]
