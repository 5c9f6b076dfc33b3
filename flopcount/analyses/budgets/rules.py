"""Rules, with where they are written and which files they are about."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from flopcount.analyses.budgets.judging import is_relative
from flopcount.analyses.budgets.spots import Spots
from flopcount.errors import Place
from flopcount.files.config import Config
from flopcount.files.specs import Spec
from flopcount.schema.budget import Budget


class Rule(NamedTuple):
    """Limits with where they are written: in the arch file itself, or, with its `files`, in the configuration."""

    budget: Budget
    spots: Spots
    place: Place
    files: frozenset[Path] | None = None

    def concerns(self, path: Path) -> bool:
        """Tell whether the rule is about a file, by its resolved path."""
        return self.files is None or path in self.files

    @property
    def name(self) -> str:
        """What the rule is called in a finding."""
        number = self.place[-1] if self.place else 0
        return self.budget.id or ("budget" if not isinstance(number, int) else f"budget {number + 1}")

    def written_at(self, place: Place) -> str:
        """Return the file and line of a place in a rule of the configuration; empty for one of the arch file."""
        if self.files is None:
            return ""
        return f"{Path(self.spots.source.title).name}:{self.spots.at((*self.place, *place))[0]}"


def rules_of(config: Config, files: Mapping[str, Iterable[Path]]) -> list[Rule]:
    """Return the rules of a configuration with the files their patterns match."""
    spots = Spots(config.source)
    resolved = {pattern: frozenset(path.resolve() for path in found) for pattern, found in files.items()}
    return [
        Rule(
            each,
            spots,
            (*config.prefix, "budget", index),
            frozenset().union(*(resolved[pattern] for pattern in each.files)),
        )
        for index, each in enumerate(config.model.budget)
    ]


def own_rules(spec: Spec) -> Iterator[Rule]:
    """Yield the limits in an arch file."""
    spots = Spots(spec.source)
    in_list = isinstance(spec.source.data.get("budget"), list)
    for index, each in enumerate(spec.arch.budget):
        yield Rule(each, spots, ("budget", index) if in_list else ("budget",))


def needs_base(rules: Iterable[Rule]) -> bool:
    """Tell whether any rule has limits on changes."""
    return any(is_relative(rule.budget) for rule in rules)
