"""The layers of a network in the order with the least peak of memory."""

from collections.abc import Mapping
from typing import NamedTuple

from flopcount.analyses.memory.curve import peak_of
from flopcount.analyses.memory.order import Game, Move, ordered
from flopcount.case import Case, Count
from flopcount.formulas.numbers import exact
from flopcount.network.memory import Style
from flopcount.network.plan import Node
from flopcount.spec.kinds import KINDS


class Reordered(NamedTuple):
    """A case whose layers are in another order, the peak before and with it, and what no order is below."""

    case: Case
    before: int
    peak: int
    bound: int

    @property
    def is_proven(self) -> bool:
        """Whether no order has a lower peak."""
        return self.peak <= self.bound


def reordered(case: Case) -> Reordered:
    """Return a case in the order with the least peak, or the best that was found."""
    steps, before = _Steps(case.count), peak_of(case).bytes
    found = ordered(steps.game())
    bound = min(found.bound, before)
    if found.peak >= before:
        return Reordered(case, before, before, bound)
    nodes = case.plan.nodes
    order = [number for step in found.order for number in steps.members[step]]
    best = case.with_plan(case.plan._replace(nodes=tuple(nodes[number] for number in order), schedule=None))
    return Reordered(best, before, peak_of(best).bytes, bound)


class _Steps:
    """The layers of a network that run in one step each: a layer and what is fused into it; a view is a step."""

    def __init__(self, count: Count) -> None:
        self.nodes = count.trace.plan.nodes
        self.inputs = [*count.trace.inputs]
        lifetimes = count.lifetimes(Style())
        self.held = lifetimes.held
        self.sizes = {life.name: exact(life.tensor.size) for life in lifetimes.lives}
        self.readers: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for name in {*node.inputs, *node.beside}:
                self.readers.setdefault(name, []).append(number)
        self.members: list[list[int]] = []
        self.step: dict[str, int] = {}
        for number, node in enumerate(self.nodes):
            self._place(number, node)

    def _place(self, number: int, node: Node) -> None:
        """Give a layer a step of its own, or that of the layer which it is fused into and which it alone reads."""
        source = node.inputs[0]
        is_fused = self.sizes_of(node) and self.readers[source] == [number] and source in self.step
        if is_fused and not node.beside and self.held[node.path] == self.held[source]:
            self.step[node.path] = self.step[source]
            self.members[self.step[source]].append(number)
        else:
            self.step[node.path] = len(self.members)
            self.members.append([number])

    def sizes_of(self, node: Node) -> bool:
        """Tell whether a layer writes over a tensor, or is a view of one."""
        return self.held[node.path] != node.path

    def game(self) -> Game:
        """Return the steps as moves."""
        tensors = self._tensors()
        unread = {node.path for node in self.nodes if node.path not in self.readers}
        kept = frozenset(tensors[self.held[path]] for path in unread)
        moves = [self._move(step, tensors) for step in range(len(self.members))]
        return Game(moves, [self.sizes[name] for name in self.inputs], kept)

    def _tensors(self) -> Mapping[str, int]:
        """Return the number of each tensor."""
        own = {self.nodes[each[0]].path: step for step, each in enumerate(self.members)}
        return {**own, **{name: -1 - at for at, name in enumerate(self.inputs)}}

    def _move(self, step: int, tensors: Mapping[str, int]) -> Move:
        members = [self.nodes[number] for number in self.members[step]]
        first, names = members[0], {name for node in members for name in (*node.inputs, *node.beside)}
        after = {self.step[name] for name in names if name in self.step}
        reads = {tensors[self.held[name]] for name in names} - {step}
        owner = self.held[first.path]
        if owner == first.path:
            return Move(self.sizes[owner], tuple(after - {step}), tuple(reads))
        others = {self.step[self.nodes[number].path] for number in self.readers[first.inputs[0]]}
        before = {each for each in others if each < step} if self._is_written(step) else set[int]()
        return Move(0, tuple((after | before) - {step}), tuple(reads))

    def _is_written(self, step: int) -> bool:
        """Tell whether a step writes over what others read, so that it comes after them."""
        return any(KINDS[self.nodes[number].kind].buffer == "fused" for number in self.members[step])
