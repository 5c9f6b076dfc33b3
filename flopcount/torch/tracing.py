"""A live module as a network: exported on tensors without memory, and left as it was."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram, export
from torch.utils import _pytree as pytree

from flopcount.errors import UsageError, plain
from flopcount.network.network import Network
from flopcount.readers.base import Build, ReadOptions, ReadResult
from flopcount.readers.load import Reading
from flopcount.readers.pt2.read import network_build
from flopcount.torch.dynamic import Dynamic, NamedSymbol
from flopcount.torch.failure import failure
from flopcount.torch.graph import program_of
from flopcount.torch.state import is_meta, quiet, tensors, untouched

Sizes = Sequence[int] | Sequence[Sequence[int]] | Mapping[str, Sequence[int]]
"""The sizes of one input, of several, or of several by name; each with its batch."""


def capture(
    module: Any,
    *inputs: Any,
    input_size: Sizes | None = None,
    dynamic: Any = None,
    train: bool = False,
    allow_unknown: bool = False,
    **named: Any,
) -> Network:
    """Return the network of a module, traced by torch.export without computing anything.

    `inputs` and `named` are what the module is called with; `input_size` gives sizes instead, each with its batch.
    `dynamic` names the sizes that stay open: `{"x": {0: "batch"}}` by argument, or `{0: "batch"}` for all of them;
    a value is a name or a `torch.export.Dim`. The module is traced in evaluation mode unless `train` is set, and
    left as it was. An exported program is taken as it is. Raises BadInput if the module cannot be traced.
    """
    if isinstance(module, ExportedProgram):
        return network_of(module, "program", allow_unknown=allow_unknown)
    module = _inner(module)
    _check(module)
    args, kwargs = arguments(module, inputs, named, input_size)
    program, names = exported(module, args, kwargs, dynamic, train=train, has_size=input_size is not None)
    return network_of(program, type(module).__name__, names, allow_unknown=allow_unknown)


def network_of(
    program: ExportedProgram, title: str, named: Iterable[NamedSymbol] = (), *, allow_unknown: bool = False
) -> Network:
    """Return the network of an exported program, which is read again at every point."""
    path = Path(title)
    live = program_of(program, named)
    build = network_build(live, path)
    return Network(
        title, Reading(path, title, allow_unknown=allow_unknown, parser=lambda _: partial(_described, build))
    )


def _described(build: Build, options: ReadOptions) -> ReadResult:
    return build(options)._replace(description=f"captured with PyTorch {torch.__version__}")


def exported(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Any = None,
    *,
    train: bool = False,
    has_size: bool = False,
) -> tuple[ExportedProgram, tuple[NamedSymbol, ...]]:
    """Return the program of a module, and the names of its symbols."""
    given = _bound(module, args, kwargs)
    sizes = Dynamic(given, dynamic)
    ordered = dict(sorted(kwargs.items(), key=lambda pair: [*given, pair[0]].index(pair[0])))
    errors = list[Exception]()
    for shapes in sizes.attempts:
        try:
            with untouched(module, train=train), quiet():
                program = export(module, args, ordered, dynamic_shapes=shapes, strict=False)
            return program, tuple(sizes.symbols(program))
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever the code of a module raises)
            errors.append(error)
    has_tensors = any(isinstance(each, torch.Tensor) for each in pytree.tree_leaves(given))
    found = failure(module, errors[0], has_tensors=has_tensors, has_size=has_size)
    raise found from errors[0].with_traceback(None)


def _inner(module: Any) -> Any:
    """Return the module inside those that run it elsewhere or compiled."""
    while isinstance(module, nn.Module):
        inner = getattr(module, "_orig_mod", None)
        if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if inner is None:
            return module
        module = inner
    return module


def _check(module: Any) -> None:
    """Refuse what cannot be traced, whatever its inputs."""
    if not isinstance(module, nn.Module):
        hint = f"; make one: {plain(module.__name__)}()" if isinstance(module, type) else ""
        raise UsageError(f"capture takes a torch.nn.Module, not {_an(module)}{hint}")
    for name, inside in module.named_modules():
        where = f"{type(module).__name__}{f'.{name}' if name else ''}"
        if isinstance(inside, torch.jit.ScriptModule):
            raise UsageError(f"{where} is TorchScript, which torch.export does not read; capture the module behind it")
        if any(map(nn.parameter.is_lazy, inside.parameters(recurse=False))):
            raise UsageError(f"{where} has no sizes yet: run the module once on real inputs, then capture it")


def _an(value: Any) -> str:
    return plain(f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins."))


def arguments(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], input_size: Sizes | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call, on the device of the module."""
    if input_size is not None:
        more, named = _of_size(module, input_size)
        args, kwargs = (*more, *args), {**named, **kwargs}
    for value in pytree.tree_leaves((args, kwargs)):
        if type(value).__module__ == "numpy":
            raise UsageError(f"an input is {_an(value)}; give a tensor: torch.from_numpy(x)")
    devices = {tensor.device for tensor in tensors(module)}
    device = torch.device("meta") if is_meta(module) else devices.pop() if len(devices) == 1 else None
    if device is None:
        return args, kwargs
    moved: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_map_only(
        torch.Tensor, lambda tensor: _moved(tensor, device), (args, kwargs)
    )
    return moved


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device; its numbers do not matter."""
    return tensor if tensor.device == device else torch.empty_like(tensor, device=device)


def _of_size(module: nn.Module, sizes: Any) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
    """Return inputs of some sizes, of the element type of the module."""
    types = (tensor.dtype for tensor in tensors(module) if tensor.is_floating_point())
    dtype = next(types, torch.get_default_dtype())

    def made(size: Any) -> torch.Tensor:
        if not (isinstance(size, Sequence) and all(isinstance(each, int) and each >= 0 for each in size)):
            raise UsageError(f"input_size {plain(str(sizes)[:60])}: give whole numbers: (1, 3, 224, 224)")
        return torch.empty(tuple(size), dtype=dtype, device="meta")

    if isinstance(sizes, Mapping):
        return (), {name: made(size) for name, size in sizes.items()}
    is_one = not isinstance(sizes, Sequence) or not sizes or isinstance(sizes[0], int)
    several = [sizes] if is_one else sizes
    return tuple(map(made, several)), {}


def _bound(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by the names of forward."""
    signature = inspect.signature(module.forward)
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        names = ", ".join(signature.parameters)
        what = f"{type(module).__name__}.forward({names}): {error}"
        hint = "pass it to capture as to the module" if args or kwargs else "give what the module takes, or input_size"
        raise UsageError(f"{plain(what[:200])}; {hint}") from None
