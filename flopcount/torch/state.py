"""A module that is traced and left as it was: modes, tensors, attributes, hooks, and random numbers."""

import io
import logging
import random
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

Undo = Callable[[], object]


@contextmanager
def untouched(module: nn.Module, *, train: bool) -> Iterator[None]:
    """Set the mode of every module inside, and undo whatever a trace changes, also when it fails."""
    with ExitStack() as stack:
        for undo in (*_random(), *_settings(), *_trained(module), *(_attributes(each) for each in module.modules())):
            stack.callback(undo)
        for each in module.modules():
            each.training, each._compiled_call_impl = train, None
        module.register_forward_hook(lambda _, __, found: _contents(found, set()))
        if is_meta(module):
            _without_memory(module)
            stack.enter_context(torch.device("meta"))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings and logs of PyTorch from the terminal; what else is written there follows unless all fails."""
    said, level = io.StringIO(), logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(said):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
    if said.getvalue():
        sys.stderr.write(said.getvalue())


def _contents(value: Any, seen: set[int]) -> Any:
    """Return a value if torch.export knows its type, else a list of what is inside of it."""
    if isinstance(value, torch.Tensor | int | float | str | None):
        return value
    leaves = pytree.tree_leaves(value)
    if len(leaves) != 1 or leaves[0] is not value:
        return [_contents(each, seen) for each in leaves]
    if id(value) in seen:
        return None
    seen.add(id(value))
    own = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    return [_contents(each, seen) for each in (*own, *getattr(value, "__dict__", {}).values())]


def tensors(module: nn.Module) -> Iterator[torch.Tensor]:
    """Yield the parameters and buffers of a module."""
    yield from module.parameters()
    yield from module.buffers()


def is_meta(module: nn.Module) -> bool:
    """Whether a tensor of a module has no memory."""
    return any(tensor.is_meta for tensor in tensors(module))


def _without_memory(module: nn.Module) -> None:
    """Put tensors without memory in place of those that have some, so that all are on one device."""
    known = dict[int, Any]()
    for each in module.modules():
        for own in (each._parameters, each._buffers):
            for name, tensor in own.items():
                if tensor is not None and not tensor.is_meta:
                    own[name] = known.setdefault(id(tensor), _twin(tensor))


def _twin(tensor: torch.Tensor) -> torch.Tensor:
    made = torch.empty_like(tensor, device="meta")
    return nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made


_KEPT = (dict, OrderedDict, list, set)
"""The types of attributes whose contents are kept too."""


def _attributes(module: nn.Module) -> Undo:
    """Return what gives a module back its attributes, its hooks among them."""
    own = module.__dict__
    kept, inside = dict(own), [(each, each.copy()) for each in own.values() if type(each) in _KEPT]

    def undo() -> None:
        for each, before in inside:
            each.clear()
            (each.extend if isinstance(each, list) else each.update)(before)
        own.clear()
        own.update(kept)

    return undo


def _trained(module: nn.Module) -> Iterator[Undo]:
    flags = [(each, each.requires_grad) for each in module.parameters()]
    yield lambda: [each.requires_grad_(flag) for each, flag in flags if each.requires_grad != flag]


def _random() -> Iterator[Undo]:
    """Yield what gives the generators of random numbers back their states."""
    state, plain = torch.get_rng_state(), random.getstate()
    yield lambda: torch.set_rng_state(state)
    yield lambda: random.setstate(plain)
    if torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        yield lambda: torch.cuda.set_rng_state_all(states)
    if numpy := sys.modules.get("numpy"):
        drawn = numpy.random.get_state()
        yield lambda: numpy.random.set_state(drawn)


def _settings() -> Iterator[Undo]:
    """Turn fused attention off, whose operators are for inference on one device alone; yield what turns it on again."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    yield lambda: torch.backends.mha.set_fastpath_enabled(fast)
