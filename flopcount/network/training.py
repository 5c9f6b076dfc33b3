"""A network in training: what is trained, which gradients that takes, and what they multiply."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from flopcount.errors import Note, UsageError, plain, suggestion
from flopcount.formulas.backward import Need, graded, needed, with_adapter
from flopcount.formulas.step import Step, composed
from flopcount.network.convention import Convention
from flopcount.network.optimizers import DEFAULT
from flopcount.network.plan import Node, Plan, path_hint
from flopcount.network.trace import Flow, Trace
from flopcount.spec.kinds import KINDS
from flopcount.spec.training import BACK, Training

CONDITIONS = frozenset(("equal", "less", "greater", "and", "or", "not"))
"""The functions of `Elementwise` whose results are no numbers, which have no gradients."""

INDICES = frozenset(("ArgMax", "ArgMin", "NonZero", "OneHot", "Shape", "Size", "IsNaN", "IsInf", "Constant"))
"""The operators whose results are no numbers either, or are constants."""


def planned_for(training: Training, plan: Plan) -> Plan:
    """Return the network with the layers frozen that are not trained."""
    paths, wanted = [node.path for node in plan.nodes], dict[str, bool]()
    if training.lora is not None:
        wanted = dict.fromkeys(paths, True)
    for pattern in training.freeze:
        found = matching(pattern.removeprefix(BACK), paths, "--freeze")
        wanted |= dict.fromkeys(found, not pattern.startswith(BACK))
    return plan._replace(nodes=tuple(_frozen(node, is_frozen=wanted.get(node.path)) for node in plan.nodes))


def in_training(traced: Trace, training: Training) -> Trace:
    """Return the trace with the gradients of each layer in its tally, and its adapters."""
    if training.lora is not None:
        traced = _adapted(traced, *_lora(training.lora))
    needs = _needs(traced)
    flow = Flow(needs, _reached(traced, needs, _starts(traced, training)))
    known: dict[tuple[int, bool, tuple[Need, ...]], Step] = {}

    def trained(node: Node, step: Step) -> Step:
        key = id(step), node.layer.frozen, tuple(needs[name] for name in read_by(node))
        if node.path not in flow.reached or not needs[node.path]:
            return step
        if key not in known:
            known[key] = graded(step, key[2], is_frozen=key[1])
        return known[key]

    return traced._replace(steps={node.path: trained(node, step) for node, step in traced.items()}, flow=flow)


LORA = "write --lora rank=8,layers=PATTERN, such as layers=*.attention,fc"


def _lora(text: str) -> tuple[int, Sequence[str]]:
    """Read the rank of adapters, and the patterns of the layers that have one."""
    found = re.fullmatch(r"rank=([1-9][0-9]{0,5}),layers=([^,=]+(?:,[^,=]+)*)", text)
    if found is None:
        raise UsageError(f"--lora {plain(text[:60])}: {LORA}")
    return int(found[1]), found[2].split(",")


def _adapted(traced: Trace, rank: int, patterns: Sequence[str]) -> Trace:
    """Put an adapter beside each linear layer and convolution that a pattern matches."""
    paths = {path: leaf for node, step in traced.items() for path, leaf in _leaves(node.path, step)}
    chosen = {path for pattern in patterns for path in matching(pattern, [*paths], "--lora") if _takes(paths[path])}
    if not chosen:
        what = "no layer that matches is linear or a convolution of one group"
        raise UsageError(f"--lora {plain(','.join(patterns)[:60])}: {what}")
    known: dict[int, Step] = {}

    def adapted(path: str, step: Step) -> Step:
        if step.parts:
            parts = [part._replace(step=adapted(f"{path}.{part.name}", part.step)) for part in step.parts]
            whole = composed(step.kind, step.shape, *parts)
            return step._replace(parts=whole.parts, tally=whole.tally)
        if path in chosen and id(step) not in known:
            known[id(step)] = with_adapter(step, rank)
        return known[id(step)] if path in chosen else step

    changed = {path: path in chosen or any(each.startswith(f"{path}.") for each in chosen) for path in traced.steps}
    steps = {path: adapted(path, step) if changed[path] else step for path, step in traced.steps.items()}
    return traced._replace(steps=steps)


def _leaves(path: str, step: Step) -> Iterator[tuple[str, Step]]:
    """Yield the steps without parts, by path."""
    if not step.parts:
        yield path, step
    for part in step.parts:
        yield from _leaves(f"{path}.{part.name}", part.step)


def _takes(leaf: Step) -> bool:
    """Tell whether an adapter can be beside a step."""
    groups = leaf.slide.groups if leaf.slide else None
    is_one = leaf.kind == "Linear" or (leaf.kind == "Conv" and groups in {None, 1})
    return is_one and not leaf.tally.counts.keys().isdisjoint(("weight", "frozen_weight"))


def segments(traced: Trace, training: Training) -> Mapping[str, str]:
    """Return the block of each layer that is in a checkpoint, by path."""
    found = dict[str, str]()
    for pattern in training.checkpoint:
        names = pattern.split(".")
        heads = {path: path.split(".")[: len(names)] for path in traced.steps}
        inside = {
            path: ".".join(head)
            for path, head in heads.items()
            if len(head) == len(names) and all(map(fnmatchcase, head, names))
        }
        if not inside:
            blocks = [*dict.fromkeys(".".join(path.split(".")[: len(names)]) for path in traced.steps)]
            raise UsageError(f"--checkpoint {plain(pattern[:60])}: no block matches; {suggestion(pattern, blocks)}")
        found |= {path: block for path, block in inside.items() if path not in found}
    return found


def recomputed(traced: Trace, flow: Flow, training: Training) -> frozenset[str]:
    """Return the layers that are computed again: those of every checkpoint to which a gradient comes back."""
    blocks = segments(traced, training)
    alive = {block for path, block in blocks.items() if flow.needs[path] and path in flow.reached}
    return frozenset(path for path, block in blocks.items() if block in alive)


def _starts(traced: Trace, training: Training) -> Iterable[str]:
    """Return the layers at which gradients start."""
    nodes = traced.plan.nodes
    if not training.loss_from:
        return {node.path for node in nodes} - {name for node in nodes for name in node.inputs}
    paths = [node.path for node in nodes]
    return [_last(name, paths) for name in training.loss_from]


def training_notes(training: Training, rule: Convention, metrics: Iterable[str]) -> Iterator[Note]:
    """Say that numbers are of training."""
    text = "MACs are those of the forward pass, of the gradients of what layers read and of those of weights"
    yield Note("training", f"training{f' ({training.details})' if training.details else ''}: {text}")
    if training.optimizer is None and "optimizer_bytes" in metrics:
        yield Note("optimizer", f"optimizer_bytes are those of {DEFAULT}; --optimizer names another")
    if not rule.counts_gradients:
        yield Note("forward-only", f"{rule.name} counts no backward pass, so its number is of the forward pass")


def matching(pattern: str, paths: Sequence[str], option: str) -> list[str]:
    """Return the layers that a pattern is about: those at or under a path that it matches."""
    found = [path for path in paths if any(fnmatchcase(each, pattern) for each in _around(path))]
    if not found:
        hint = f"repeat {option} for each pattern" if "," in pattern else path_hint(pattern, paths)
        raise UsageError(f"{option} {plain(pattern[:60])}: no layer matches; {hint}")
    return found


def _around(path: str) -> Iterator[str]:
    names = path.split(".")
    return (".".join(names[:count]) for count in range(len(names), 0, -1))


def _last(name: str, paths: Sequence[str]) -> str:
    """Return the layer of a name, or the last one of a block."""
    inside = [path for path in paths if path == name or path.startswith(f"{name}.")]
    if not inside:
        raise UsageError(f"--loss-from {plain(name[:60])}: no layer has this path; {path_hint(name, paths)}")
    return inside[-1]


def _frozen(node: Node, *, is_frozen: bool | None) -> Node:
    if is_frozen is None or node.layer.frozen is is_frozen:
        return node
    return node._replace(layer=node.layer.model_copy(update={"frozen": is_frozen}))


def read_by(node: Node) -> tuple[str, ...]:
    """Return what a layer reads; a tensor of the network reads nothing."""
    return () if KINDS[node.kind].buffer == "none" else node.inputs


def _needs(traced: Trace) -> dict[str, Need]:
    """Tell whether each input and what each layer writes needs a gradient, by path."""
    needs: dict[str, Need] = dict.fromkeys(traced.inputs, "")
    for node, step in traced.items():
        own = [needs[name] for name in read_by(node)]
        found = needed(step, own, is_frozen=node.layer.frozen) if _passes(node) else ""
        needs[node.path] = "learned" if found and not own and KINDS[node.kind].buffer == "none" else found
    return needs


def _passes(node: Node) -> bool:
    """Tell whether a layer has gradients."""
    said = getattr(node.layer, "function", None), getattr(node.layer, "operator", None)
    return said[0] not in CONDITIONS and said[1] not in INDICES and not getattr(node.layer, "detached", False)


def _reached(traced: Trace, needs: Mapping[str, Need], starts: Iterable[str]) -> frozenset[str]:
    """Return the inputs and layers to whose output a gradient comes back."""
    found = {*starts}
    for node in reversed(traced.plan.nodes):
        if node.path in found and needs[node.path] and node.kind != "Embedding":
            found.update(read_by(node))
    return frozenset(found)
