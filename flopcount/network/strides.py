"""How tensors lie in memory: what can be seen in another way without a copy.

A stride is the distance in memory between neighbors along an axis. Equal expressions are one object.
"""

from collections.abc import Sequence

from flopcount.formulas.numbers import Dim, product

Dims = Sequence[Dim]


def contiguous(dims: Dims) -> tuple[Dim, ...]:
    """Return the strides of a tensor that lies in the order of its axes."""
    return tuple(product(dims[place + 1 :]) for place in range(len(dims)))


def dense(dims: Dims, strides: Dims) -> tuple[Dim, ...]:
    """Return the strides of a new tensor whose axes lie in the order of another one."""
    if not all(isinstance(each, int) for each in strides):
        return tuple(strides) if {*map(str, strides)} == {*map(str, contiguous(dims))} else contiguous(dims)
    order = sorted(range(len(dims)), key=lambda place: -_plain(strides[place]) if dims[place] != 1 else 0)
    found = dict(zip(order, contiguous([dims[place] for place in order]), strict=True))
    return tuple(found[place] for place in range(len(dims)))


def _plain(number: Dim) -> int:
    return number if isinstance(number, int) else 0


def viewed(dims: Dims, strides: Dims, size: Dims) -> tuple[Dim, ...] | None:
    """Return the strides of a tensor seen with other sizes; None if that takes a copy.

    Axes that lie one after the other in memory are one, which is parted into new axes, as torch.Tensor.view does.
    """
    left, found = [*size], list[Dim]()
    for whole, step in _merged(dims, strides):
        done: Dim = 1
        while done != whole or (left and left[-1] == 1):
            if not left or (isinstance(done, int) and isinstance(whole, int) and done > whole):
                return None
            found.append(done * step)
            done = done * left.pop()
    return None if any(each != 1 for each in left) else (*[1] * len(left), *reversed(found))


def _merged(dims: Dims, strides: Dims) -> list[tuple[Dim, Dim]]:
    """Return the axes from the last, those that lie one after the other as one: its size and its stride."""
    found = list[tuple[Dim, Dim]]()
    for size, stride in zip(reversed(dims), reversed(strides), strict=True):
        if size == 1:
            continue
        if found and found[-1][0] * found[-1][1] == stride:
            found[-1] = found[-1][0] * size, found[-1][1]
        else:
            found.append((size, stride))
    return found or [(1, 1)]
