"""For your own test suite: whether an arch file still matches its module, and whether a model keeps to its budget.

    from flopcount.testing import assert_budget, assert_matches

    def test_the_arch_file_is_the_network() -> None:
        assert_matches("net.toml", Net(), (3, 224, 224))

    def test_the_model_stays_small() -> None:
        assert_budget(Net(), torch.randn(1, 3, 224, 224), macs="300M", peak="256 KiB")

The fixture `flopcount` of pytest has both. Modules need torch: `pip install '.[torch]'` in a clone. A module is traced
by `flopcount.torch.capture`: it is neither computed nor changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flopcount.analyses.budgets.findings import Finding
from flopcount.case import Case, Count, load
from flopcount.errors import UsageError
from flopcount.formulas.shape import render
from flopcount.network.network import Network
from flopcount.network.plan import plan
from flopcount.spec.arch import Arch
from flopcount.spec.training import Training

MOST_SHOWN = 20
"""The most differences that are listed; others are counted."""


class Measured(NamedTuple):
    """A captured module: its parameters, its MACs, its output, and the same for the modules inside."""

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


def assert_budget(
    model: Any,
    inputs: Any = None,
    *,
    input_size: Any = None,
    dynamic: Any = None,
    train: bool = False,
    training: Training | bool | None = None,
    convention: str | None = None,
    **limits: Any,
) -> None:
    """Raise an AssertionError with the findings of `flopcount check`, unless a model keeps to its limits.

    `model` is a module with its `inputs` (a tensor, a tuple, or a table of those that are named) or their
    `input_size`, or a path or a name with its input as `--input` takes it. `limits` are those of a `[budget]` table,
    such as `macs="300M"`; an arch file has its own if there are none. With `training`, they are about a step of it.
    """
    __tracebackhide__ = True
    if isinstance(model, str | Path):
        network, size = load(model), inputs if input_size is None else input_size
    elif not limits:
        raise UsageError("assert_budget needs a limit, such as macs='300M'")
    else:
        from flopcount.torch import capture

        args, named = ((), inputs) if isinstance(inputs, Mapping) else (_several(inputs), {})
        network, size = capture(model, *args, input_size=input_size, dynamic=dynamic, train=train, **named), None
    case = Case(network, input=size, convention=convention, training=training)
    if findings := case.check(**limits):
        raise AssertionError("\n".join(_told(findings, limits)))


def _several(inputs: Any) -> tuple[Any, ...]:
    if inputs is None:
        return ()
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def _told(findings: Iterable[Finding], limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of findings; the rule of each is the limit as it was given."""
    from flopcount.report.check_formats import details, headline

    for each in findings:
        limit = limits.get(each.metric)
        yield headline(each if limit is None else each._replace(rule=f"{each.metric}={limit!r}"))
        yield from (f"    {line}" for line in details(each, notes=True))


def measured(module: Any, input_size: Sequence[int]) -> Measured:
    """Capture a module at one input."""
    from flopcount.torch.tracing import arguments, exported, network_of

    args, _ = arguments(module, (), {}, (1, *input_size))
    program, _ = exported(module, args, {})
    costs = Case(network_of(program, type(module).__name__)).count.costs
    inner = {name: _params(inside) for name, inside in module.named_modules() if name}
    macs = {name: sum(cost.macs for path, cost in costs.items() if _is_in(path, name)) for name in inner}
    return Measured(_params(module), sum(cost.macs for cost in costs.values()), _output(program), inner, macs)


def _is_in(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _output(program: Any) -> tuple[int, ...] | None:
    """Return the size of the one output, without the batch; None if there are several."""
    *_, last = program.graph.nodes
    (outputs,) = last.args
    found = [node.meta["val"] for node in outputs if node is not None]
    return tuple(found[0].shape[1:]) if len(found) == 1 and hasattr(found[0], "shape") else None


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
