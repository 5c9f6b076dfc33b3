"""Modules of torch whose programs have everything that a graph can have."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.export import Dim
from torch.nn.functional import scaled_dot_product_attention

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def with_torchvision() -> None:
    """Define what torchvision imports of its operators, if it was built for another torch; no network calls them."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        for name in ("nms", "qnms"):
            OPERATORS.define(f"{name}(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor")


class Branches(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """A branch, a block without gradients, a constant, a view, and an operator in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.constant = nn.Linear(4, 4), nn.BatchNorm1d(4), torch.ones(4)
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x: Any) -> Any:  # noqa: D102
        y = torch.cond(x.sum() > 0, self.layer, lambda x: x * 2, (x,))
        with torch.no_grad():
            y = y + self.constant
        one, other = y.split(2, 1)
        outer = torch.einsum("bi,bj->bij", one, other)
        return self.norm(y).add_(self.shift), outer, y.view(y.shape[0] * 2, 2), y.max(1)[0], x.new_zeros(3).long()


class Tied(nn.Module):  # type: ignore[misc]  # likewise
    """A table that is also the weight of the last layer, recurrent layers, and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(10, 8), nn.Linear(8, 10, bias=False)
        self.head.weight = self.table.weight
        self.lstm, self.gru, self.attention = (
            nn.LSTM(8, 8, 2, bidirectional=True),
            nn.GRU(16, 8),
            nn.MultiheadAttention(8, 2),
        )

    def forward(self, x: Any) -> Any:  # noqa: D102
        y, (hidden, _) = self.lstm(self.table(x))
        y, _ = self.gru(y)
        return self.head(self.attention(y, y, y, need_weights=False)[0]), hidden


class Sizes(nn.Module):  # type: ignore[misc]  # likewise
    """Arithmetic on sizes, inputs inside others, numbers and words among them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.up = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Upsample(scale_factor=2)

    def forward(self, x: Any, more: Any, mode: str = "a", times: int = 2) -> Any:  # noqa: ARG002, D102
        z = self.conv(x)
        batch, channels, height, width = z.shape
        flat = z.reshape(batch, channels * height * width)[:, : channels * height * width // 2]
        twice = torch.cat([more["pair"][1]] * times)
        return self.up(z), flat, twice[..., None, :], more["pair"][0], z.sum() / min(height, width), x.unbind(1)


class Masked(nn.Module):  # type: ignore[misc]  # likewise
    """Attention with a mask of infinities, and a loop."""

    def forward(self, q: Any, mask: Any) -> Any:  # noqa: D102
        score = torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask, -float("inf"))
        return scaled_dot_product_attention(q, q, q, attn_mask=score), scaled_dot_product_attention(
            q, q, q, is_causal=True
        )


def sizes() -> tuple[Any, tuple[Any, ...], Any]:
    """Return a module with open sizes."""
    pair = {"pair": [torch.ones(3), torch.ones(3, 3)]}
    height, width = Dim("height", min=8, max=512), Dim("width", min=8, max=512)
    shapes = {"x": {0: Dim("batch"), 2: height, 3: width}, "more": {"pair": [None, None]}}
    return Sizes(), (torch.ones(2, 3, 64, 64), pair), shapes


MODULES: dict[str, Callable[[], tuple[Any, tuple[Any, ...], Any]]] = {
    "branches": lambda: (Branches(), (torch.ones(8, 4),), {"x": {0: 2 * Dim("half", max=64)}}),
    "tied": lambda: (Tied(), (torch.zeros(5, 2, dtype=torch.long),), None),
    "sizes": sizes,
    "masked": lambda: (Masked(), (torch.ones(1, 2, 4, 8), torch.ones(4, 4, dtype=torch.bool)), None),
}


SIGNS = {"Infinity": math.inf, "-Infinity": -math.inf}


def comparable(value: Any) -> Any:
    """Return a value of a program with infinities as numbers, lists as tuples, and devices without a number."""
    if isinstance(value, str):
        return SIGNS.get(value, value)
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items() if key != "index"}
    if isinstance(value, list):
        return tuple(map(comparable, value))
    if isinstance(value, tuple):
        return type(value)(*map(comparable, value)) if hasattr(value, "_fields") else tuple(map(comparable, value))
    return value
