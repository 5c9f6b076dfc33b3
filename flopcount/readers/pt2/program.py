"""An exported program: the calls of a graph in order, its parameters, buffers and constants, and its open sizes.

A `.pt2` file and a live `torch.export.ExportedProgram` both become one of these.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flopcount.errors import Refusal

LONGEST = 2**12
"""The longest expression of a size."""


class SymbolicSize(NamedTuple):
    """A size that is an expression of symbols, as SymPy prints it, and its value in the example that was exported."""

    text: str
    hint: int | None = None


Dim = int | SymbolicSize


class NameRef(NamedTuple):
    """What a call reads: a tensor or a number that is an input or made by another call."""

    name: str


class TensorMeta(NamedTuple):
    """A tensor: its sizes, the name of its element type in PyTorch, and whether it is trained."""

    dims: tuple[Dim, ...]
    dtype: str = "float32"
    requires_grad: bool = False


class Call(NamedTuple):
    """A call of an operator: its name with the overload, its arguments by name, and the names that it makes.

    Arguments without a name are numbered. `module` is the path of the module that calls it, `place` the innermost
    line of Python outside PyTorch. An output that nothing is made for is "".
    """

    target: str
    args: Mapping[str, Any]
    outputs: tuple[str, ...]
    module: str = ""
    place: tuple[str, int] | None = None


class CallGraph(NamedTuple):
    """Calls in order, the names that they read from outside, and those that they make for outside."""

    inputs: tuple[str, ...]
    outputs: tuple[Any, ...]
    calls: tuple[Call, ...]
    tensors: Mapping[str, TensorMeta]
    """Every tensor by name, those that calls make included."""
    numbers: Mapping[str, Dim] = {}
    """The integers among its inputs, by name."""

    @property
    def read(self) -> frozenset[str]:
        """Every name that a call or an output reads."""
        return refs((*(value for call in self.calls for value in call.args.values()), *self.outputs))


def refs(values: Iterable[Any]) -> frozenset[str]:
    """Return the names that arguments are or have."""
    return frozenset(_refs(values))


def _refs(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, NameRef):
            yield value.name
        elif isinstance(value, tuple) and not isinstance(value, CallGraph):
            yield from _refs(value)


NESTING = {"_vmap_increment_nesting": 1, "_vmap_decrement_nesting": -1}
"""The calls that begin and end what `torch.vmap` runs."""


def with_maps(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield calls, and one for all that `torch.vmap` runs for each place along an axis."""
    depth, inside = 0, list[Call]()
    for call in calls:
        step = NESTING.get(_last(call), 0)
        depth += step
        if not depth and step < 0:
            yield _mapped(inside[1:])
            inside.clear()
        elif depth:
            inside.append(call)
        else:
            yield call
    yield from inside


def _last(call: Call) -> str:
    return call.target.rpartition(".")[2]


def _mapped(calls: Sequence[Call]) -> Call:
    """Return a call that runs others; what they add an axis to is scanned, and what they take one from is stacked."""
    depth, own, ends = 0, list[Call](), {"_add_batch_dim": list[Call](), "_remove_batch_dim": list[Call]()}
    for call in calls:
        depth += NESTING.get(_last(call), 0)
        (own if depth else ends.get(_last(call), own)).append(call)
    added, removed = ends.values()
    items = [call.outputs[0] for call in added]
    results = tuple(next(iter(call.args.values())) for call in removed)
    made = {*items, *(name for call in own for name in call.outputs)}
    read = refs((*(value for call in own for value in call.args.values()), *results)) - made
    others = sorted(read)
    graph = CallGraph((*items, *others), results, tuple(own), {})
    args = {
        "graph": graph,
        "xs": tuple(next(iter(call.args.values())) for call in added),
        "more": tuple(map(NameRef, others)),
        "in_dims": tuple([*call.args.values()][1] for call in added),
        "out_dims": tuple([*call.args.values()][3] for call in removed),
    }
    first = next(iter(own), calls[0] if calls else Call("higher_order.vmap", {}, ()))
    return Call("higher_order.vmap", args, tuple(call.outputs[0] for call in removed), first.module, first.place)


class ExportedProgram(NamedTuple):
    """A graph and what its inputs are.

    `parameters`, `buffers` and `constants` map inputs of the graph to their names in the module; `aliases` map a
    parameter to the one that it is the same tensor as. `ranges` are the bounds of each symbol.
    """

    graph: CallGraph
    inputs: tuple[str, ...]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    constants: Mapping[str, str]
    ranges: Mapping[str, tuple[float, float]] = {}
    aliases: Mapping[str, str] = {}
    producer: str = ""
    guessed: Sequence[str] = ()
    """Parameters that are taken for others, since the file does not tell."""
    names: Mapping[str, str] = {}
    """The names that the caller gave to symbols, by symbol."""


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > 64:  # noqa: PLR2004  (sizes have 30 bits)
        raise OverflowError
    return base**exponent


_BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Integer": int,
    "Float": float,
    "Rational": lambda one, other: one / other,
    "Add": lambda *terms: sum(terms),
    "Mul": lambda *factors: math.prod(factors),
    "Pow": _power,
    "PowByNatural": _power,
    **dict.fromkeys(("FloorDiv", "CleanDiv"), operator.floordiv),
    **dict.fromkeys(("Mod", "PythonMod"), operator.mod),
    "CeilDiv": lambda one, other: -(-one // other),
    **dict.fromkeys(("Max", "max"), max),
    **dict.fromkeys(("Min", "min"), min),
    **dict.fromkeys(("TruncToInt", "ToFloat", "CeilToInt", "FloorToInt", "Identity"), math.ceil),
    "IntTrueDiv": operator.truediv,
}
"""The functions in the sizes that torch.export writes."""


def evaluated(dim: Dim, symbols: Mapping[str, int]) -> int | None:
    """Return a size for values of the symbols; None if it has others or is not computed."""
    if isinstance(dim, int):
        return dim
    try:
        tree = ast.parse(dim.text[:LONGEST], mode="eval").body
        found = _value(tree, symbols)
        return int(found) if found == int(found) else None
    except (SyntaxError, ValueError, TypeError, ArithmeticError, KeyError, RecursionError, MemoryError):
        return None


def _value(node: ast.AST, symbols: Mapping[str, int]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        return symbols[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, symbols)
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_value(node.left, symbols), _value(node.right, symbols))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "Symbol" and isinstance(node.args[0], ast.Constant):
            return symbols[str(node.args[0].value)]
        return _FUNCTIONS[node.func.id](*(_value(each, symbols) for each in node.args))
    raise ValueError


def symbols_of(dim: Dim) -> tuple[str, ...]:
    """Return the symbols of a size."""
    if isinstance(dim, int):
        return ()
    try:
        tree = ast.parse(dim.text[:LONGEST], mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Refusal(f"the size {dim.text[:60]!r} is not an expression") from None
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in calls)
    quoted = (
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Symbol"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    )
    return tuple(dict.fromkeys(name for name in (*names, *quoted) if name not in {"True", "False"}))


def render(dim: Dim) -> str:
    """Return a size as a reader writes it: a number, or an expression of symbols."""
    if isinstance(dim, int):
        return str(dim)
    try:
        return _rendered(ast.parse(dim.text[:LONGEST], mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
        return dim.text[:60]


_SIGNS = {"Add": " + ", "Mul": "*", "FloorDiv": "//", "Mod": "%", "Pow": "**"}


def _rendered(node: ast.AST) -> str:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return ast.unparse(node)
    name, parts = node.func.id, [_rendered(each) for each in node.args]
    if name in {"Symbol", "Integer"}:
        return parts[0].strip("'\"")
    parts = [f"({part})" if " + " in part and name != "Add" else part for part in parts]
    return _SIGNS[name].join(parts) if name in _SIGNS else f"{name}({', '.join(parts)})"
