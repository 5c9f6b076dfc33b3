"""What a mutant is: one small change of a syntax tree, found by its number in the file."""

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

_PAIRS = "Lt LtE, Gt GtE, Eq NotEq, In NotIn, Is IsNot, Add Sub, Mult FloorDiv, And Or, Break Continue"
_EXCHANGED = [(getattr(ast, one), getattr(ast, other)) for one, other in map(str.split, _PAIRS.split(", "))]
SWAPS: Mapping[type[ast.AST], type[ast.AST]] = {
    **dict([*_EXCHANGED, (ast.Div, ast.Mult), (ast.Mod, ast.FloorDiv), (ast.Pow, ast.Mult)]),
    **{other: one for one, other in _EXCHANGED},
}
"""What stands in place of an operator or a statement."""

NAMES = {"min": "max", "any": "all", "minimum": "maximum", "sum": "prod", "startswith": "endswith"}
NAMES |= {value: key for key, value in NAMES.items()}
DROPPED = {"sorted", "reversed", "abs"}
"""Functions of one argument that may be left out."""

UNORDERED = {"isinstance", "min", "max", "minimum", "maximum", "gcd", "lcm", "cast"}
"""Functions whose arguments are not swapped: nothing would change, or everything would fail."""

SKIPPED = {"annotation", "returns", "exc", "cause", "format_spec", "ctx", "type_params"}
"""Fields of the syntax that hold types or the wording of errors."""

WORD = re.compile(r"[\w.:/+-]+")
"""What a string looks like that decides something: a name, a code. Sentences are wording."""


class Site(NamedTuple):
    """A node and what may stand in its place.

    `lines` are those that run when it does, first and last; `is_deferred` if it runs in a call, not at import.
    """

    node: ast.AST
    new: ast.AST
    lines: tuple[int, int]
    is_deferred: bool


class Mutant(NamedTuple):
    """A change of one file; `number` is its site, or -1 for no change at all (a control)."""

    area: str
    file: str
    number: int
    line: int
    code: str
    change: str
    lines: tuple[int, int]
    is_deferred: bool
    repeat: int = 0

    @property
    def name(self) -> str:
        """What it is in a list, whatever line it has moved to; equal changes of equal lines are counted."""
        return f"{self.file}: {self.code}: {self.change}" + (f" ({self.repeat})" if self.repeat else "")


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _without(items: list[Any], place: int) -> list[Any]:
    return [*items[:place], *items[place + 1 :]]


def _swapped(items: list[Any], place: int) -> list[Any]:
    return [*items[:place], SWAPS[type(items[place])](), *items[place + 1 :]]


def _comparison(node: ast.Compare) -> Iterator[ast.AST]:
    return (_with(node, ops=_swapped(node.ops, place)) for place in range(len(node.ops)))


def _operation(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in SWAPS and not isinstance(node.left, ast.JoinedStr):
        yield _with(node, op=SWAPS[type(node.op)]())
        yield from (node.left, node.right)


def _either(node: ast.BoolOp | ast.AugAssign) -> Iterator[ast.AST]:
    if type(node.op) in SWAPS:
        yield _with(node, op=SWAPS[type(node.op)]())


def _negation(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[ast.AST]:
    if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))


def _filter(node: ast.comprehension) -> Iterator[ast.AST]:
    return (_with(node, ifs=_without(node.ifs, place)) for place in range(len(node.ifs)))


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value: Any = node.value
    if isinstance(value, bool):
        yield _with(node, value=not value)
    elif isinstance(value, int | float):
        yield from (_with(node, value=each) for each in ([value + 1, value - 1] if value else [1]))
    elif isinstance(value, str) and WORD.fullmatch(value):
        yield _with(node, value=f"{value}_")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in NAMES:
        yield _with(node, func=_with(node.func, **{"id" if isinstance(node.func, ast.Name) else "attr": NAMES[name]}))
    if name in DROPPED and len(node.args) == 1:
        yield node.args[0]
    if len(node.args) > 1 and name not in UNORDERED and ast.dump(node.args[0]) != ast.dump(node.args[1]):
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    for place, keyword in enumerate(node.keywords):
        if keyword.arg != "strict":
            yield _with(node, keywords=_without(node.keywords, place))


def _bounds(node: ast.Slice) -> Iterator[ast.AST]:
    return (_with(node, **{end: None}) for end in ("lower", "upper") if getattr(node, end) is not None)


def _statement(node: ast.stmt) -> Iterator[ast.AST]:
    is_name = isinstance(node, ast.Assign) and all(isinstance(each, ast.Name | ast.Tuple) for each in node.targets)
    is_doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if not is_name and not is_doc:
        yield ast.Pass()


CHANGES: Mapping[type[ast.AST], tuple[Callable[[Any], Iterator[ast.AST]], ...]] = {
    ast.Compare: (_comparison,),
    ast.BinOp: (_operation,),
    ast.BoolOp: (_either,),
    ast.UnaryOp: (_negation,),
    **dict.fromkeys((ast.If, ast.IfExp, ast.While), (_condition,)),
    ast.comprehension: (_filter,),
    ast.Constant: (_constant,),
    ast.Call: (_call,),
    ast.Slice: (_bounds,),
    **dict.fromkeys((ast.Expr, ast.Raise, ast.Assign), (_statement,)),
    ast.AugAssign: (_either, _statement),
    **dict.fromkeys((ast.Break, ast.Continue), (lambda node: iter([SWAPS[type(node)]()]),)),
}


def _is_sentence(node: ast.AST) -> bool:
    """Tell whether a string, or a choice between strings, is wording."""
    if isinstance(node, ast.IfExp):
        return _is_sentence(node.body) and _is_sentence(node.orelse)
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in parts)


def _is_type(node: ast.AST) -> bool:
    """Tell whether code is for readers and type checkers alone, or `strict` of a zip, which only asserts."""
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    head = {ast.Subscript: "value", ast.Call: "func", ast.If: "test"}.get(type(node), "")
    return getattr(getattr(node, head, None), "id", "") in {"Literal", "Union", "TypeVar", "NewType", "TYPE_CHECKING"}


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in SKIPPED and not _is_sentence(child) and not _is_type(child):
                yield name, child


def sites(node: ast.AST, lines: tuple[int, int] = (0, 0), *, is_deferred: bool = False) -> Iterator[Site]:
    """Yield the changes of what is below a node, in the order of the file."""
    for name, child in _children(node):
        here = lines
        is_inner = isinstance(node, ast.Lambda) and name == "body"
        if isinstance(child, ast.stmt) or (isinstance(child, ast.expr) and is_inner):
            is_compound = isinstance(getattr(child, "body", None), list)
            here = child.lineno, child.lineno if is_compound else child.end_lineno or child.lineno
        elif isinstance(child, ast.expr | ast.pattern):
            here = min(lines[0], child.lineno), max(lines[1], child.end_lineno or 0)
        deferred = is_deferred or (isinstance(node, ast.FunctionDef | ast.Lambda) and name == "body")
        for change in CHANGES.get(type(child), ()):
            yield from (Site(child, new, here, deferred) for new in change(child))
        yield from sites(child, here, is_deferred=deferred)


class _Exchange(ast.NodeTransformer):
    def __init__(self, site: Site) -> None:
        self.site = site

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.site.node:
            return self.generic_visit(node)
        return ast.copy_location(self.site.new, node)


def mutated(text: str, number: int) -> ast.Module:
    """Return a file with the change of a number, or without any."""
    tree = ast.parse(text)
    if number >= 0:
        _Exchange([*sites(tree)][number]).visit(tree)
    return ast.fix_missing_locations(tree)


def mutants(root: Path, area: str, pattern: str) -> Iterator[Mutant]:
    """Yield all mutants of the files of an area."""
    for path in sorted(root.glob(pattern)):
        text, seen = path.read_text(encoding="utf-8"), Counter[str]()
        file, codes = path.relative_to(root).as_posix(), text.splitlines()
        for number, site in enumerate(sites(ast.parse(text))):
            line = getattr(site.node, "lineno", site.lines[0])
            change = f"{_text(site.node)} → {_text(site.new)}"
            each = Mutant(area, file, number, line, codes[line - 1].strip(), change, site.lines, site.is_deferred)
            yield each._replace(repeat=seen[each.name])
            seen[each.name] += 1


def _text(node: ast.AST) -> str:
    return ast.unparse(node).strip().split("\n")[0]


def sample(everything: Sequence[Mutant], seed: int, count: int) -> list[Mutant]:
    """Return a random choice that stays the same, but for what has changed, when the code changes."""
    return sorted(everything, key=lambda mutant: sha256(f"{seed} {mutant.name}".encode()).digest())[:count]
