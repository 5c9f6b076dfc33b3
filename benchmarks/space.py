"""How long `flopcount space` takes for 14 layers × 8 widths × 4 resolutions: 1.76·10¹³ candidates, one budget of MACs.

The exact count and the bounds are of the same budget and must agree. The ratio
is to going through all candidates with `sweep`, at the speed it has here.
"""

import argparse
import resource
from collections.abc import Callable
from time import perf_counter

from flopcount.analyses.space.answer import Bounds, Mode, Question, asked
from flopcount.analyses.sweep.axes import axis, setting_axis, size
from flopcount.analyses.sweep.grid import Space
from flopcount.analyses.sweep.run import Drawn, evaluator, swept
from flopcount.case import Case, load
from flopcount.spec.load import setting

NETWORK = "mobilenet_v1_1.0_224"
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
AIM_EXACT, AIM_BOUNDS = 20.0, 1.0
GONE_THROUGH = 10**6


def benchmarked() -> Space:
    """Return the space: each width an eighth to eight eighths of the paper's, inputs of 128 to 224."""
    texts = [f"layers.{place}.out_channels={each // 8}:{each}:{each // 8}" for place, each in enumerate(WIDTHS)]
    axes = (axis("input", "", "128:224:32"), *(setting_axis(setting(text)) for text in texts))
    return Space(Case(load(NETWORK)), axes)


def timed(space: Space, mode: Mode, where: str) -> tuple[Bounds, float]:
    """Return a count and how long it took, from the file's data to the answer."""
    start = perf_counter()
    return asked(space, Question(where, mode)).meeting, perf_counter() - start


def seconds(run: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = perf_counter()
    run()
    return perf_counter() - start


def going_through(space: Space) -> float:
    """Return how long a sweep of the whole space would take, by a part of it."""
    evaluate = evaluator(space)
    taken = seconds(lambda: [len(chunk.ids) for chunk in swept(space, evaluate, range(GONE_THROUGH))])
    return taken * size(space.axes) / GONE_THROUGH


def main() -> None:
    """Print the seconds of an exact count, of bounds and of a sample, and whether the bounds hold."""
    parser = argparse.ArgumentParser(description="Time the questions of a huge space.")
    parser.add_argument("--where", default="macs <= 150M")
    where = parser.parse_args().where
    space = benchmarked()
    print(f"{NETWORK}: {size(space.axes):,} candidates, {where}")
    bounds, rough = timed(space, "bounds", where)
    exact, precise = timed(space, "exact", where)
    if not bounds.lower <= exact.lower == exact.upper <= bounds.upper:
        raise SystemExit("the bounds do not hold")
    drawn = seconds(lambda: asked(space, Question(where, "bounds", Drawn(1000, 0))))
    through = going_through(space)
    width = (bounds.upper - bounds.lower) / exact.lower
    print(f"bounds   {rough:8.2f} s   {bounds.lower:,} to {bounds.upper:,}, apart by {width:.3%} of the count")
    print(f"exact    {precise:8.2f} s   {exact.lower:,}; {through / precise:,.0f} times as fast as a sweep of all")
    print(f"sample   {drawn:8.2f} s   1000 draws, bounds included")
    print(f"memory   {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:8.2f} GiB at most")
    print(f"aimed at: {AIM_BOUNDS:.0f} s for bounds, {AIM_EXACT:.0f} s for an exact count")


if __name__ == "__main__":
    main()
