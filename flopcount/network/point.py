"""The points at which a network is counted."""

from typing import Any, NamedTuple

from flopcount.spec.training import Training


class Point(NamedTuple):
    """A point at which a network is counted, each value as it is written; None stands for that of the file."""

    input: str | None = None
    width: str | None = None
    variant: str | None = None
    batch: int | None = None
    precision: str | None = None
    training: Training | None = None

    def __str__(self) -> str:
        """Return the point as the options that lead to it."""
        return " ".join(
            str(value) if name == "training" else f"--{name} {value}" for name, value in self.changes.items()
        )

    @property
    def changes(self) -> dict[str, Any]:
        """The differences from the file, by the name of the option."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    @property
    def label(self) -> str:
        """The point in words; empty if nothing differs."""
        words = {name: str(value).removeprefix("--training").strip() for name, value in self.changes.items()}
        return " and ".join(f"{name} {value}".strip() for name, value in sorted(words.items(), reverse=True))


HERE = Point()
"""The network as its file says."""
