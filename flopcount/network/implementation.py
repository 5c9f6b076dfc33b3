"""How a program calls the layers of a network, which decides what other counters see.

A counter that hooks modules misses functions; one that patches functions misses
operators. Each entry of an arch file's `[written]` table maps a kind of step, `Kind.Step` for
one inside another, or a path with `*` to one of CALL_STYLES. The last match wins.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from flopcount.errors import Problem, suggestion
from flopcount.formulas.step import Part, Step
from flopcount.network.plan import Node

CALL_STYLES: Mapping[str, str] = {
    "module": "a module of torch.nn, called (the default)",
    "subclass": "a class derived from a module of torch.nn, which counters that ask for the exact class miss",
    "container": "a class derived from a module of torch.nn, with modules inside, which is no leaf",
    "function": "a function of torch or torch.nn.functional",
    "method": "a method of tensors, such as x.mean or q.matmul",
    "operator": "an operator between tensors, such as @",
    "unpadded": "an average pool that excludes its padding (count_include_pad = false)",
    "convolution": "a 1×1 convolution in place of the file's linear layer",
    "strided": "a linear layer whose input is transposed, which torch splits into a product and an addition",
    "attention": "inside torch.nn.MultiheadAttention, whose linear layers are never called",
    "fused_attention": "inside an Attention of timm: linear modules, and one fused function between them",
    "unfused_attention": "the same, with operators in place of the fused function",
    "absent": "nothing: the program omits this layer of the file",
}
"""The ways a program can call a step, by their names in `[written]`."""

ABSENT = "absent"
"""The call style of layers that the program omits: no other counter sees them."""


class _Leaf(NamedTuple):
    """A step, and where it is."""

    path: str
    node: Node
    step: Step

    def fits(self, selector: str) -> bool:
        """Tell whether a selector matches this step."""
        kinds = (self.step.kind, self.node.kind, f"{self.node.kind}.{self.step.kind}")
        return selector in kinds or fnmatchcase(self.path, selector) or fnmatchcase(self.node.path, selector)

    def inside(self, part: Part) -> "_Leaf":
        """Return a part of it."""
        return _Leaf(f"{self.path}.{part.name}", self.node, part.step)

    def leaves(self) -> Iterator["_Leaf"]:
        """Yield the steps without parts."""
        if not self.step.parts:
            yield self
        for part in self.step.parts:
            yield from self.inside(part).leaves()


def marked(written: Mapping[str, str], nodes: Iterable[Node], steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps, each leaf marked with its call style."""
    return {node.path: _marked(_Leaf(node.path, node, steps[node.path]), written) for node in nodes}


def _marked(at: _Leaf, written: Mapping[str, str]) -> Step:
    if at.step.parts:
        parts = (part._replace(step=_marked(at.inside(part), written)) for part in at.step.parts)
        return at.step._replace(parts=tuple(parts))
    fitting = [style for selector, style in written.items() if at.fits(selector)]
    return at.step._replace(call_style=fitting[-1]) if fitting else at.step


def written_problems(written: Mapping[str, str], nodes: Iterable[Node], steps: Mapping[str, Step]) -> Iterator[Problem]:
    """Yield the problems with a table `[written]`: unknown call styles, selectors that match nothing."""
    leaves = [leaf for node in nodes for leaf in _Leaf(node.path, node, steps[node.path]).leaves()]
    for selector, style in written.items():
        place = ("written", selector)
        if style not in CALL_STYLES:
            hint = suggestion(style, [*CALL_STYLES])
            yield Problem(place, f"{selector} = {style!r} is not a call style; {hint}", code="call-style")
        elif not any(leaf.fits(selector) for leaf in leaves):
            yield Problem(place, f"{selector!r} matches no kind or path; correct or remove it", code="call-style")
