"""How fast a sweep is beside the same network written down in NumPy by hand.

MobileNet over width × resolution, a million candidates in chunks of about 16,000.
Both give MACs and trainable parameters as int64 and are compared number by
number. Chunks come in two forms, and each form is given to both: outer products
(what `flopcount sweep` makes of a grid) and flat lists (what it makes of draws).
Of several rounds in alternation the fastest counts.
"""

import argparse
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from flopcount.analyses.sweep.axes import axis
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.run import CHUNK, evaluator, swept
from flopcount.case import Case, load

Array = np.ndarray[Any, np.dtype[Any]]
Totals = tuple[Array, Array]
Chunk = tuple[Array, Array]

NETWORK = "mobilenet_v1_1.0_224"
WIDTHS, SIZES = "0.25:1.249:0.001", "32:1031"
BODY = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
CLASSES = 1000
AIM_PER_SECOND, AIM_RATIO = 3e6, 0.5


def by_hand(width: Array, size: Array) -> Totals:
    """Count MobileNet as one would without flopcount: its channels times width, at least 8, rounded down."""
    numerator = np.rint(width * 1000).astype(np.int64)
    channels = np.maximum(32 * numerator // 1000, 8)
    size = -(-size // 2)
    area = size * size
    macs = 27 * channels * area
    params = 27 * channels + 2 * channels
    for filters, stride in BODY:
        if stride > 1:
            size = -(-size // stride)
            area = size * size
        after = np.maximum(filters * numerator // 1000, 8)
        weights = 9 * channels + channels * after
        macs = macs + weights * area
        params = params + weights + 2 * channels + 2 * after
        channels = after
    classifier = channels * CLASSES
    shape = np.broadcast_shapes(width.shape, size.shape)
    return macs + classifier, np.broadcast_to(params + classifier + CLASSES, shape)


def outer(widths: Array, sizes: Array) -> list[Chunk]:
    """Cut the grid into outer products of about a chunk."""
    rows = max(1, CHUNK // len(sizes))
    return [(widths[first : first + rows, None], sizes[None]) for first in range(0, len(widths), rows)]


def flat(widths: Array, sizes: Array) -> list[Chunk]:
    """Cut the grid into lists of candidates."""
    width, size = np.repeat(widths, len(sizes)), np.tile(sizes, len(widths))
    return [(width[first : first + CHUNK], size[first : first + CHUNK]) for first in range(0, len(width), CHUNK)]


def seconds(count: Callable[[Array, Array], Totals], chunks: list[Chunk]) -> float:
    """Return how long all chunks take."""
    start = perf_counter()
    for width, size in chunks:
        count(width, size)
    return perf_counter() - start


def compared(name: str, ours: Callable[[Array, Array], Totals], chunks: list[Chunk], rounds: int) -> None:
    """Print candidates per second for both, and the ratio."""
    for width, size in chunks:
        if not all((a == b).all() for a, b in zip(ours(width, size), by_hand(width, size), strict=True)):
            raise SystemExit("the two disagree")
    many = sum(np.broadcast(width, size).size for width, size in chunks)
    pairs = [(seconds(ours, chunks), seconds(by_hand, chunks)) for _ in range(rounds)]
    mine, hand = (many / min(times) for times in zip(*pairs, strict=True))
    print(f"{name:28}{many:>12,}{mine / 1e6:>14.1f}{hand / 1e6:>14.1f}{mine / hand:>10.2f}", flush=True)


def whole(space: Space, evaluate: Any, rounds: int) -> float:
    """Return candidates per second of a sweep with its ids, one core."""

    def once() -> Iterator[float]:
        for _ in range(rounds):
            start = perf_counter()
            many = sum(len(chunk.ids) for chunk in swept(space, evaluate, range(10**6)))
            yield many / (perf_counter() - start)

    return max(once())


def main() -> None:
    """Print how many million candidates a second are counted, by flopcount and by hand."""
    parser = argparse.ArgumentParser(description="Time a sweep beside NumPy by hand.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    start = perf_counter()
    space = Space(Case(load(NETWORK)), (axis("width", "", WIDTHS), axis("input", "", SIZES)))
    evaluate = evaluator(space)
    print(f"made ready in {perf_counter() - start:.2f} s")

    def ours(width: Array, size: Array) -> Totals:
        found = evaluate({"width": width, "input": size})
        return found["macs"], found["params"]

    widths, sizes = (np.array(each.values) for each in space.axes)
    print(f"{'chunks':28}{'candidates':>12}{'flopcount M/s':>14}{'by hand M/s':>14}{'ratio':>10}")
    compared("outer products", ours, outer(widths, sizes), rounds)
    compared("flat lists", ours, flat(widths, sizes), rounds)
    speed = whole(space, evaluate, rounds)
    print(f"a sweep with its ids: {speed / 1e6:.1f} M/s")
    print(f"aimed at: {AIM_PER_SECOND / 1e6:.0f} M/s and a ratio of {AIM_RATIO}")


if __name__ == "__main__":
    main()
