"""A network as its file says it: read on demand, and again if another point makes a difference."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

from flopcount.errors import FileError, Note, SpecError, UsageError, plain
from flopcount.network.plan import Plan, overridden, plan
from flopcount.spec.load import Setting, Spec, validated


class Where(NamedTuple):
    """The point at which a file is read: a foreign model's input, batch and values of inputs; variant and settings."""

    input: str | None = None
    batch: int | None = None
    variant: str | None = None
    settings: tuple[Setting, ...] = ()
    values: tuple[str, ...] = ()


MOST_READ_AGAIN = 30_000
"""A model of another tool with more layers is read at one input only."""

NOWHERE = Where()
"""The point of the file itself."""


class Network:
    """A file that can be read at any point; its layers are those of `plan`.

    Each distinct point is read once: for an arch file a variant and settings, for a model of another tool
    its input and batch too. Raises BadInput if it cannot be read.
    """

    def __init__(self, title: str, read: Callable[[Where], Plan], where: Where = NOWHERE) -> None:
        """Keep how the file is read; nothing is read yet."""
        self.title, self.where = title, where
        self._read = read
        self._plans: dict[Where, Plan] = {}

    @classmethod
    def of(cls, known: Plan) -> "Network":
        """Return the network of a fixed plan, whatever the point."""
        return cls(known.name, lambda _: known)

    def at(self, where: Where) -> "Network":
        """Return the network read at another point; what the point does not set is as here."""
        merged = self.where._replace(**{name: value for name, value in where._asdict().items() if value})
        if merged == self.where:
            return self
        other = Network(self.title, self._read, merged)
        other._plans = self._plans
        return other

    def __reduce__(self) -> "tuple[type[Network], tuple[str, Callable[[Where], Plan], Where]]":
        """Pickle how the file is read, not what was read."""
        return Network, (self.title, self._read, self.where)

    def noted(self, note: Note) -> "Network":
        """Return the same network, with a note on all of its numbers."""
        return Network(self.title, partial(_noted, self._read, note), self.where)

    @cached_property
    def plan(self) -> Plan:
        """The layers of the network here."""
        anywhere = self.where._replace(input=None, batch=None)
        try:
            known = self._plans.get(anywhere)
        except TypeError:  # settings that hold lists have no hash
            return self._read(self.where)
        if known is None or known.sized:
            known = self._plans.get(self.where) or self._again()
            self._plans[self.where if known.sized else anywhere] = known
        if self.where.values and not any(note.code == "value-given" for note in known.notes):
            raise UsageError(
                f"--value {plain(self.where.values[0][:60])}: {self.title} has no inputs that take a value"
            )
        return known

    def _again(self) -> Plan:
        """Read the file here; refuse a large model that was read at another input."""
        if any(each.sized and len(each.nodes) > MOST_READ_AGAIN for each in self._plans.values()):
            what = f"a model of more than {MOST_READ_AGAIN} layers is read at one input only"
            raise FileError(self.title, f"{what}; count each input by itself")
        return self._read(self.where)


def _noted(read: Callable[[Where], Plan], note: Note, where: Where) -> Plan:
    found = read(where)
    return found._replace(notes=(note, *found.notes))


def planned(spec: Spec) -> Plan:
    """Return the layers of a spec, changed by its settings."""
    try:
        made = plan(spec.arch)
    except SpecError as error:
        raise SpecError(error.problems, spec) from None
    return overridden(made._replace(file=lambda: spec), spec.changes)


def of_spec(spec: Spec) -> Network:
    """Return the network of an arch file that has been loaded; variants and settings validate its data again."""

    def read(where: Where) -> Plan:
        changed = where.variant or where.settings
        return planned(validated(spec.source, where.settings, where.variant) if changed else spec)

    return Network(spec.source.title, read)
