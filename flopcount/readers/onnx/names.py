"""What rows are called: by the modules a node is in, or the weights it uses."""

import re
from collections import Counter
from collections.abc import Sequence

from flopcount.readers.onnx.graph import Node
from flopcount.readers.onnx.values import Row

Path = tuple[str, ...]

_GENERATED = re.compile(r"^(onnx::|val_|_|\d|node_|n\d)")
"""How exporters call what has no name in the model."""

_PARTS = ("weight", "bias", "kernel", "gamma", "weight_quantized", "running_mean")


def paths(rows: Sequence[Row], first: int) -> list[Path]:
    """Return a path for each row; `first` is the number of the first of them among all rows."""
    found = [_viewed(scoped(row.node)) if row.view else scoped(row.node) or _by_weight(row) for row in rows]
    return _shortened(_filled(found, rows, first))


def _viewed(path: Path | None) -> Path | None:
    """Name a row that only says where the channels are: after the module that reads them there, beside it."""
    return path and (*path[:-2], f"{path[-2 if len(path) > 1 else -1]}_view")


def scoped(node: Node | None) -> Path | None:
    """Return the modules a node is in, and its own name, as PyTorch and TensorFlow write them with slashes."""
    if node is None or "/" not in node.name.strip("/"):
        return None
    result: list[str] = []
    before = ""
    for part in node.name.strip("/").split("/"):
        own = part.removeprefix(f"{before}.")
        result.extend(piece for piece in own.split(".") if piece)
        before = part
    return tuple(result[:_DEEPEST]) or None


_DEEPEST = 12

_VIEW = "view"


def _by_weight(row: Row) -> Path | None:
    """Return the name of a row's weights without its last part: the module that has them."""
    if not row.weight or _GENERATED.match(row.weight):
        return None
    *module, last = re.split(r"[./]", row.weight.strip("/"))
    name = module if module and (last in _PARTS or row.kind != "Parameter") else [*module, last]
    return tuple(part for part in name if part)[:_DEEPEST] + (("#",) if row.kind != "Parameter" else ()) or None


_STAYING = frozenset(("Activation", "Add", "Mul", "Elementwise", "Concat", "BatchNorm", "Dropout"))
"""The kinds that belong to the block of what they read; any other is between blocks as likely as in one."""


def _filled(found: Sequence[Path | None], rows: Sequence[Row], first: int) -> list[Path]:
    """Name what has no name by its operator, in the block it most likely is in."""
    result: list[Path] = []
    homes: list[Path] = []
    later: Path = ()
    ahead: list[Path] = []
    for path in reversed(found):
        later = path[:-2] if path else later
        ahead.append(later)
    for path, row, after in zip(found, rows, reversed(ahead), strict=True):
        if path:
            home = path[:-2]
        else:
            before = homes[-1] if homes else ()
            reads = [source - first for source in row.after if source >= first]
            home = _left(before, reads, homes, rows, first) if row.kind in _STAYING else _shared(before, after)
            path = (*home, _VIEW if row.view else row.node.op if row.node else row.kind)  # noqa: PLW2901  (the name it gets)
        homes.append(home)
        result.append(path)
    return result


def _shared(one: Path, other: Path) -> Path:
    """Return the beginning that two paths have in common."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


def _left(home: Path, reads: Sequence[int], homes: Sequence[Path], rows: Sequence[Row], first: int) -> Path:
    """Return the block around one that has ended: what is read next is of it, and has not entered the inner one."""
    while home:
        start = _beginning(home, homes)
        inner = range(start, len(homes))
        entered = {source - first for number in inner for source in rows[number].after}
        others = [number for number in reads if number not in inner and number not in entered]
        if not any(homes[number][: len(home) - 1] == home[:-1] and homes[number] for number in others):
            return home
        home = home[:-1]
    return home


def _beginning(home: Path, homes: Sequence[Path]) -> int:
    """Return the first of the rows that have been in a block without a break."""
    start = len(homes)
    while start and homes[start - 1][: len(home)] == home:
        start -= 1
    return start


def _shortened(found: Sequence[Path]) -> list[Path]:
    """Leave out the operator where a module has one row, and the mark of a name that comes from weights."""
    inside = Counter(path[:depth] for path in found for depth in range(1, len(path)))
    result = []
    for path in found:
        if len(path) > 1 and inside[path[:-1]] == 1:
            result.append(path[:-1])
        else:
            result.append((*path[:-1], "op") if path[-1] == "#" else path)
    return result
