"""How a program writes what a network does, which decides on what other counters see of it.

A counter that hooks modules misses what is called as a function; one that patches
functions misses operators. The `[written]` table of an arch file says which is which:
the kind of a step, `Kind.Step` for one inside another, or a path with `*`, and one of
MANNERS. Of several that fit, the last one holds.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from flopcount.errors import Problem, suggestion
from flopcount.formulas.step import Part, Step
from flopcount.network.plan import Node

MANNERS: Mapping[str, str] = {
    "module": "a module of torch.nn, called: what is taken where nothing is said",
    "subclass": "a class derived from a module of torch.nn, which counters that ask for the exact class miss",
    "container": "a class derived from a module of torch.nn, with modules inside, which is no leaf",
    "function": "a function of torch or torch.nn.functional",
    "method": "a method of tensors, such as x.mean or q.matmul",
    "operator": "an operator between tensors, such as @",
    "unpadded": "an average pool that leaves its padding out (count_include_pad = false)",
    "convolution": "a 1×1 convolution, where the file has a linear layer",
    "strided": "a linear layer whose input is transposed, which torch splits into a product and an addition",
    "attention": "inside torch.nn.MultiheadAttention, whose linear layers are never called",
    "fused_attention": "inside an Attention as timm has it: linear modules, and one fused function between them",
    "unfused_attention": "likewise, with operators in place of the fused function",
    "absent": "nothing at all: what the file has and this program leaves out",
}
"""The ways to write a step, as `[written]` names them."""

ABSENT = "absent"
"""The manner of what is not there: no other counter sees it."""


class _Leaf(NamedTuple):
    """A step, and where it is."""

    path: str
    node: Node
    step: Step

    def fits(self, selector: str) -> bool:
        """Tell whether a selector means this step."""
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
    """Return the steps, each leaf with the manner it is written in."""
    return {node.path: _marked(_Leaf(node.path, node, steps[node.path]), written) for node in nodes}


def _marked(at: _Leaf, written: Mapping[str, str]) -> Step:
    if at.step.parts:
        parts = (Part(part.name, _marked(at.inside(part), written)) for part in at.step.parts)
        return at.step._replace(parts=tuple(parts))
    fitting = [manner for selector, manner in written.items() if at.fits(selector)]
    return at.step._replace(call_style=fitting[-1]) if fitting else at.step


def written_problems(written: Mapping[str, str], nodes: Iterable[Node], steps: Mapping[str, Step]) -> Iterator[Problem]:
    """Yield what is wrong with a table `[written]`: manners that are not known, selectors that fit nothing."""
    leaves = [leaf for node in nodes for leaf in _Leaf(node.path, node, steps[node.path]).leaves()]
    for selector, manner in written.items():
        place = ("written", selector)
        if manner not in MANNERS:
            way_out = suggestion(manner, [*MANNERS])
            yield Problem(place, f"{selector} = {manner!r} is no way to write a layer; {way_out}")
        elif not any(leaf.fits(selector) for leaf in leaves):
            yield Problem(place, f"no kind and no path here is {selector!r}; take it out")
