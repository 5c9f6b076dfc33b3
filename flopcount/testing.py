"""For your own test suite: whether an arch file still matches its module.

    from flopcount.testing import assert_matches

    def test_the_arch_file_is_the_network() -> None:
        assert_matches("net.toml", Net(), (3, 224, 224))

Needs torch: `pip install '.[torch]'` in a clone. The module runs on the meta device, so it
is neither computed nor changed, and torch's own counter counts it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.case import Case, Count, load
from flopcount.errors import missing
from flopcount.formulas.shape import render
from flopcount.network.network import Network
from flopcount.network.plan import plan
from flopcount.spec.arch import Arch

MOST_SHOWN = 20
"""The most differences that are listed; others are counted."""


class Measured(NamedTuple):
    """A module as torch counts it: its parameters, its MACs, its output, and the same for the modules inside."""

    params: int
    macs: int
    output: tuple[int, ...] | None
    inner_params: Mapping[str, int]
    inner_macs: Mapping[str, int]


def assert_matches(
    arch: str | Path | Arch, torch_module: Any, input_size: Sequence[int], *, variant: str | None = None
) -> None:
    """Raise an AssertionError that lists the differences, unless the spec and the module agree.

    `arch` is a file, a bundled network or an Arch; `input_size` is that of one input,
    such as (3, 224, 224). The parameters, the MACs and the size of the output are compared.
    """
    network = Network.of(plan(arch)) if isinstance(arch, Arch) else load(arch)
    spec = Case(network, input=tuple(input_size), variant=variant).count
    problems = [*_problems(spec, measured(torch_module, input_size))]
    if problems:
        shown = problems[:MOST_SHOWN]
        more = [f"and {len(problems) - MOST_SHOWN} more differences"] if len(problems) > MOST_SHOWN else []
        name = arch.name if isinstance(arch, Arch) else arch
        title = f"{name} is not this {type(torch_module).__name__} at {render(input_size)}:"
        raise AssertionError("\n  ".join([title, *shown, *more]))


def measured(module: Any, input_size: Sequence[int]) -> Measured:
    """Run a module on the meta device, for one input, through torch's counter."""
    try:
        import torch
    except ImportError:
        raise missing("flopcount.testing", "torch", "torch") from None
    from torch.func import functional_call
    from torch.utils.flop_counter import FlopCounterMode

    kept = [*module.named_parameters(), *module.named_buffers()]
    state = {name: torch.empty_like(tensor, device="meta") for name, tensor in kept}
    x = torch.empty((1, *input_size), device="meta")
    counter = FlopCounterMode(display=False)
    with _plainly(module), counter, torch.no_grad(), torch.device("meta"):
        y = functional_call(module, state, (x,))
    root = type(module).__name__
    flops = {name: sum(by_operator.values()) for name, by_operator in counter.get_flop_counts().items()}
    inner = {name.removeprefix(f"{root}."): count // 2 for name, count in flops.items() if name.startswith(f"{root}.")}
    output = tuple(y.shape[1:]) if isinstance(y, torch.Tensor) else None
    params = {name: _params(inside) for name, inside in module.named_modules() if name}
    return Measured(_params(module), counter.get_total_flops() // 2, output, params, inner)


@contextmanager
def _plainly(module: Any) -> Iterator[None]:
    """Evaluate, with attention as products of matrices: fused, it has no formula in torch's counter."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    training, fast = module.training, torch.backends.mha.get_fastpath_enabled()
    module.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        module.train(training)


def _params(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _problems(spec: Count, found: Measured) -> Iterator[str]:
    """Yield the differences, the totals first, then the layers whose names are those of modules."""
    total = spec.total
    if total.params != found.params:
        yield f"params: {total.params} in the spec, {found.params} in the module"
    if total.macs != found.macs:
        yield f"MACs: {total.macs} in the spec, {found.macs} in the module"
    last = tuple(int(str(size)) for size in [*spec.trace.steps.values()][-1].shape.dims)
    if found.output is not None and found.output != last:
        yield f"output: {render(last)} in the spec, {render(found.output)} in the module"
    if (total.params, total.macs) != (found.params, found.macs):
        yield from _inner_problems(spec, found)


def _inner_problems(spec: Count, found: Measured) -> Iterator[str]:
    names = _names([*spec.trace.steps], found.inner_params)
    if not names:
        yield "no layer has the name of a module, so they cannot be compared one by one"
        return
    for path, name in names.items():
        yield from _differences(path, name, spec, found)
    inside = {name for name in found.inner_macs if any(other.startswith(f"{name}.") for other in found.inner_macs)}
    for name, macs in found.inner_macs.items():
        if macs and name not in inside | {*names.values()}:
            yield f"{name}: {macs} MACs in the module, and no layer of that name in the spec"
    for path, step in spec.trace.steps.items():
        if spec.cost(step).macs and path not in names:
            yield f"{path}: {spec.cost(step).macs} MACs in the spec, and no module of that name"


def _differences(path: str, name: str, spec: Count, found: Measured) -> Iterator[str]:
    """Compare one layer with the module of its name; a norm in its row may be a module of its own there."""
    step, macs = spec.trace.steps[path], found.inner_macs.get(name, 0)
    costs = [spec.cost(step), *(spec.cost(part.step) for part in step.parts)]
    called = path if name == path else f"{path} ({name} there)"
    if all(cost.params != found.inner_params[name] for cost in costs):
        yield f"{called}: {costs[0].params} params in the spec, {found.inner_params[name]} in the module"
    if costs[0].macs != macs:
        yield f"{called}: {costs[0].macs} MACs in the spec, {macs} in the module"


def _names(paths: Sequence[str], known: Mapping[str, int]) -> dict[str, str]:
    """Return the module with the name of each layer, if any; repeats count from 1 here, and mostly from 0 there."""
    from_zero = [
        ".".join(str(int(part) - 1) if part.isdecimal() else part for part in path.split(".")) for path in paths
    ]
    found = [
        {path: name for path, name in zip(paths, names, strict=True) if name in known} for names in (paths, from_zero)
    ]
    return max(found, key=len)
