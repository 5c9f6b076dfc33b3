"""How a network is trained, as options and files say it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from flopcount.errors import UsageError, plain, suggestion
from flopcount.spec.units import TRAINED

BACK = "!"
"""Before a pattern of --freeze: what it matches is trained after all."""


class Training(NamedTuple):
    """How a network is trained, each as the option of its name takes it.

    `freeze` are patterns of paths, in order, with ! for those that are trained after all; gradients start at
    `loss_from`, by default at every output. `lora` adds adapters to layers that are frozen, as all are then;
    `checkpoint` are patterns of blocks whose layers are computed again; `optimizer` is a name.
    """

    freeze: tuple[str, ...] = ()
    loss_from: tuple[str, ...] = ()
    lora: str | None = None
    checkpoint: tuple[str, ...] = ()
    optimizer: str | None = None

    def __str__(self) -> str:
        """Return it as options of the command line."""
        return f"--training {self.details}".rstrip()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are shown by default."""
        return tuple(name for name in TRAINED if self.checkpoint or name != "macs_recomputed")

    @property
    def details(self) -> str:
        """The options beside --training."""
        return " ".join(f"{option} {value}" for option, value in self.options)

    @property
    def options(self) -> Iterator[tuple[str, str]]:
        """The options beside --training, with their values."""
        for name, value in self._asdict().items():
            for each in (value,) if isinstance(value, str) else value or ():
                if not each or any(letter.isspace() or not letter.isprintable() for letter in each):
                    raise UsageError(
                        f"--{spelled(name)} {plain(each[:60])!r}: a pattern has no spaces; write ? for one"
                    )
                yield f"--{spelled(name)}", each


def spelled(name: str) -> str:
    """Return the name of an option."""
    return name.replace("_", "-")


def parsed(text: str) -> Training:
    """Read the options beside --training, as a command line has them."""
    words = [word.strip("'\"") for word in text.split() if word != "--training"]
    found: dict[str, list[str]] = {}
    for place, option in enumerate(words[::2]):
        name = option.removeprefix("--").replace("-", "_")
        if name not in Training._fields or not option.startswith("--") or place * 2 + 1 == len(words):
            options = [f"--{spelled(each)}" for each in Training._fields]
            raise UsageError(f"{plain(text[:60])!r}: {suggestion(option[:60], options)} Each takes a value")
        found.setdefault(name, []).append(words[place * 2 + 1])
    several = {name for name, default in Training._field_defaults.items() if default == ()}
    given: dict[str, Any] = {name: tuple(each) if name in several else each[-1] for name, each in found.items()}
    return Training(**given)
