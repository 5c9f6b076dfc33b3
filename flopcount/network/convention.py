"""Integer weights over the tally of a step, and their exceptions."""

import tomllib
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from flopcount.errors import FileError, Place, Problem, UsageError, by_word, listed, suggestion
from flopcount.formulas.norm import ACTIVATIONS
from flopcount.formulas.numbers import Dim
from flopcount.formulas.step import GRADIENTS, OPERATIONS, PARAMETERS, PRODUCTS, Step
from flopcount.network.implementation import ABSENT, CALL_STYLES
from flopcount.network.padding_exact import PADDING_EXACT
from flopcount.spec.fields import Flag, Help, Policy, PolicyName, printable, sentence, shown
from flopcount.spec.kinds import KINDS
from flopcount.spec.source import Source
from flopcount.spec.text import parsed, read_bytes, utf8

EVERYTHING = "*"
"""Stands in an exception for all entries that it does not name; they have weight 0."""

ENTRIES: Mapping[str, str] = {**OPERATIONS, **GRADIENTS, **PARAMETERS, **PADDING_EXACT}
"""Everything that a convention may weigh, with its meaning."""

FORWARD = frozenset(ENTRIES) - GRADIENTS.keys()
"""The entries of a forward pass."""

Weights = Mapping[str, int]


class Weighing(NamedTuple):
    """Weights by name, with exceptions for kinds of steps and for call styles.

    An exception names the entries that differ; call styles take precedence over kinds.
    """

    weights: Weights
    kinds: Mapping[str, Weights] = {}
    written: Mapping[str, Weights] = {}

    def of(self, step: Step, kept: Container[str] | None = None) -> Dim:
        """Return the weighted sum of a step, of all entries or of some."""
        if kept is None and not self.kinds and not self.written and not padding_exact_names(self.weights):
            return step.tally.weighed(self.weights)
        total: Dim = 0
        for leaf in step.leaves():
            weights = self.at(leaf)
            for name, count in self.counts(leaf).items():
                if weights.get(name) and (kept is None or name in kept):
                    total = total + count * weights[name]
        return total

    def at(self, leaf: Step) -> Weights:
        """Return the weights for a step without parts."""
        weights = self.weights
        for exception in (self.kinds.get(leaf.kind), self.written.get(leaf.call_style)):
            if exception is not None:
                weights = exception if EVERYTHING in exception else {**weights, **exception}
        return weights

    def counts(self, leaf: Step) -> Mapping[str, Dim]:
        """Return the tally of a step without parts, by name."""
        wanted = padding_exact_names(self.at(leaf))
        if not wanted:
            return leaf.tally.counts
        from flopcount.network.padding_exact import padding_exact

        return {**leaf.tally.counts, **padding_exact(leaf, wanted)}


def padding_exact_names(weights: Weights) -> list[str]:
    """Name the weighed entries that need exact windows: they are not tallied, and need plain integers."""
    return [name for name, weight in weights.items() if weight and name.endswith("_valid")]


POLICIES: tuple[str, ...] = get_args(PolicyName)
"""The policies for parameters; the first is the default."""

Unit = Literal["MAC", "FLOP"]
Batch = Literal["counted", "divided", "times params"]


class Convention(NamedTuple):
    """One way to read a tally: what is a MAC, what is a parameter.

    `unit` is MAC or FLOP, of which a multiply–accumulate is one or two, `headline` the
    counter's name for its number, `batch` how it treats several inputs at once.
    """

    name: str
    params_name: str
    operations: Weighing
    parameters: Weighing
    counts: str
    leaves_out: str
    params_counts: str
    folds: bool = False
    unit: Unit = "MAC"
    headline: str = "MACs"
    batch: Batch = "counted"
    divisor: int = 1

    def macs_of(self, step: Step, kept: Container[str] | None = None) -> Dim:
        """Return the count of a step, or of some of its entries: MACs, or FLOPs if that is the unit."""
        found = self.operations.of(step, kept)
        return found if self.divisor == 1 else found // self.divisor

    def params_of(self, step: Step) -> Dim:
        """Return the parameters of a step."""
        return self.parameters.of(step)

    @property
    def word(self) -> str:
        """The title of the numbers: the counter's own word, unless it labels MACs as FLOPs."""
        return "MACs" if self.unit == "MAC" and "flop" in self.headline.lower() else self.headline

    @property
    def aliases(self) -> dict[str, str]:
        """Other names of columns: that of MACs holds what is counted, which may be FLOPs."""
        return {"flops": "macs"} if self.unit == "FLOP" else {}

    @property
    def counts_gradients(self) -> bool:
        """Whether it counts a backward pass."""
        return any(self.operations.weights.get(name) for name in GRADIENTS)

    def in_training(self) -> "Convention":
        """Return the convention for programs that train: with gradients, nothing is fused into one operator."""
        if not self.counts_gradients:
            return self
        written = {ABSENT: {EVERYTHING: 0}} if self.operations.written else {}
        return self._replace(operations=Weighing(self.operations.weights, {}, written))

    def at_batch(self, batch: int) -> "Convention":
        """Return the convention for a batch of inputs."""
        if batch == 1 or self.batch == "counted":
            return self
        if self.batch == "divided":
            return self._replace(divisor=batch)
        known = self.operations
        kinds = {kind: _times(weights, batch) for kind, weights in known.kinds.items()}
        return self._replace(operations=Weighing(_times(known.weights, batch), kinds, known.written))

    def sentence(self) -> str:
        """Say what is counted, in one short line; `counts` and `leaves_out` say it at length."""
        called = "" if self.headline == self.word else f", “{self.headline}”"
        name = "" if self.name == own_conventions()[0] else f" ({self.name}{called})"
        each = ", 2 per MAC" if self.unit == "FLOP" else ""
        found = {_word(entry) for entry, weight in self.operations.weights.items() if weight and entry not in GRADIENTS}
        found -= {"recurrent"} if "matmul" in found else set()  # they are matrix products
        words = listed((word for word in (*_WORDS, _OTHERWISE, "parameters") if word in found), MOST_WORDS)
        return f"{self.word}{name}{each}: {words or 'nothing'} · params: {self.params_name}"


MOST_WORDS = 6
"""Further kinds of operations are only counted."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "conv": ("conv_mac", "conv_transpose", "binary_mac", "adder", "winograd", "bilinear_sample"),
    "linear": ("linear_mac",),
    "matmul": ("matmul", "query_scale"),
    "recurrent": ("rnn", "gru", "lstm"),
    "bias": ("conv_bias", "linear_bias"),
    "norm": ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"),
    "pool": ("max_pool", "avg_pool", "global", "channel_pool", "reduce"),
    "softmax": ("softmax",),
    "interpolation": ("interpolate",),
    "elementwise": ("add", "mul", "div", "compare", "select", "sign", "round", "transcendental", "embedding", "other"),
}
"""What entries are called in short, by how their names start."""

_OTHERWISE = "activation"


def _word(entry: str) -> str:
    known = (word for word, starts in _WORDS.items() if entry.startswith(starts) and entry != "sigmoid")
    return "parameters" if entry in PARAMETERS else next(known, _OTHERWISE)


def _times(weights: Mapping[str, int], batch: int) -> dict[str, int]:
    return {name: weight * batch if name in PARAMETERS else weight for name, weight in weights.items()}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "conventions.toml").read_text(encoding="utf-8"))


def own_conventions() -> list[str]:
    """Return the names of flopcount's own conventions for MACs: the rows of conventions.toml."""
    return [*_table()["macs"]]


def own_convention(name: str) -> Convention:
    """Return one of flopcount's own conventions."""
    row = _table()["macs"][name]
    weighing = Weighing(_with_gradients(row["weights"]))
    known = Convention(name, "", weighing, Weighing({}), row["counts"], row["leaves_out"], "")
    return with_params(known, row.get("params", POLICIES[0]))


def _with_gradients(weights: Weights) -> Weights:
    """Weigh each multiply-accumulate of a gradient as one of the forward pass."""
    each = {name: weights[entry] for entry, word in PRODUCTS.items() if entry in weights for name in _gradients(word)}
    return {**each, **weights}


def _gradients(word: str) -> tuple[str, str]:
    return f"{word}_input_gradient", f"{word}_weight_gradient"


def with_params(known: Convention, policy: str) -> Convention:
    """Return the convention with one of flopcount's policies for parameters."""
    policies = _table()["params"]
    if policy not in policies:
        raise UsageError(f"no policy for params is named {policy!r}; {suggestion(policy, [*policies])}")
    row = policies[policy]
    return known._replace(
        params_name=policy,
        parameters=Weighing(row["weights"]),
        params_counts=row["counts"],
        folds=known.folds or row.get("folds", False),
    )


COUNTERS = Path(__file__).parent / "counters"
"""The conventions of other counters: a file for each, read when it is named."""


def mac_conventions() -> list[str]:
    """Return the names of all conventions: flopcount's own, then those of other counters."""
    return [*own_conventions(), *sorted(path.stem for path in COUNTERS.glob("*.toml"))]


def convention(params: str | None = None, macs: str = "macs") -> Convention:
    """Return a convention by its name, or from a file: `my.toml`, `my.toml:name`.

    By default, parameters are counted as this convention counts them.
    """
    found = own_convention(macs) if macs in own_conventions() else described(macs).rule
    return found if params is None else with_params(found, params)


MOST_BYTES = 2**20
"""Largest file of conventions that is read."""

Text = Annotated[str, Field(max_length=2000), AfterValidator(printable), Help("one line of text")]


class _File(NamedTuple):
    """A file, and the place in it where the data of one convention are."""

    title: str
    text: str
    data: object
    place: tuple[str, ...]


class Described(NamedTuple):
    """A convention with its description."""

    rule: Convention
    about: str = ""
    version: str = ""
    source: str = ""
    notes: Mapping[str, str] = {}


def described(reference: str) -> Described:
    """Return a convention with its description: a name, `FILE.toml`, or `FILE.toml:NAME` of a file with several."""
    if reference in own_conventions():
        return Described(own_convention(reference))
    if reference in mac_conventions():
        return _bundled(reference)
    file, colon, name = reference.rpartition(":")
    if not (colon and file.endswith(".toml")):
        file, name = reference, ""
    if not file.endswith(".toml"):
        is_metric = reference.lower() in {"flops", "flop", "params"}  # people look for what a convention counts here
        word = _ELSEWHERE.get(reference.lower(), reference[:100])
        hint = f"write --metrics {reference.lower()}" if is_metric else suggestion(word, mac_conventions())
        own = "" if is_metric else "a convention of your own is a file that ends in .toml"
        end = " " if hint.endswith("?") else "; " if own else ""
        raise UsageError(f"no convention is named {reference[:60]!r}; {hint}{end}{own}")
    return _of_file(Path(file), name)


_ELSEWHERE = by_word({"tf-profiler": "tensorflow tf", "torchinfo": "torch-summary torchsummary"})
"""Other names of counters."""


@cache
def _bundled(name: str) -> Described:
    return _of_file(COUNTERS / f"{name}.toml", "")


def _of_file(path: Path, name: str) -> Described:
    text = _text(path)
    data = parsed(text, "toml", str(path)).data
    several = data.get("conventions")
    if several is None and not name:
        return _described(path.stem, _File(str(path), text, data, ()))
    if not isinstance(several, Mapping) or name not in several:
        known = [*several] if isinstance(several, Mapping) else []
        example = f"{path}:{known[0]}" if known else f"{path}, without a name: it holds one convention"
        what = f"no convention is named {name!r} here" if name else "there are several conventions here"
        raise UsageError(f"{path}: {what}; write {example}")
    return _described(name, _File(str(path), text, several[name], ("conventions", name)))


def _text(path: Path) -> str:
    content = read_bytes(path)
    if len(content) > MOST_BYTES:
        raise FileError(str(path), "a file of conventions has at most 1 MiB")
    if (text := utf8(content)) is None:
        raise FileError(str(path), "this is not text; a convention is TOML in UTF-8")
    return text.replace("\r\n", "\n")


def _described(name: str, file: _File) -> Described:
    data = file.data
    problems = _problems(data, [each for each in mac_conventions() if each != name], file.place)
    if problems or not isinstance(data, Mapping):
        from flopcount.spec.source import located

        raise located(problems, Source(file.title, file.text, "toml", {}))
    base = data.get("extends")
    about = {key: data[key] for key in ("about", "version", "source", "notes") if key in data}
    blank = Convention("", "", Weighing({}), Weighing({}), "the weights of the file", "all else", "")
    start = with_params(blank, POLICIES[0]) if base is None else described(base).rule
    return Described(_changed(start, name, data), **about)


def _changed(start: Convention, name: str, data: Mapping[str, Any]) -> Convention:
    """Return the convention with the changes of a file."""
    plain = {key: data[key] for key in ("unit", "batch", "folds", "counts", "leaves_out", "headline") if key in data}
    if "unit" in data and "headline" not in data:
        plain["headline"] = f"{data['unit']}s"
    weighing = _weighing(data, start.operations)
    if data.get("gradients"):
        weighing = weighing._replace(weights=_with_gradients(weighing.weights))
    weighing = weighing._replace(written={**weighing.written, ABSENT: {EVERYTHING: 0}})
    changed = start._replace(name=name, operations=weighing, **plain)
    params = data.get("params", {})
    if "policy" in params:
        changed = with_params(changed, params["policy"])
    if "weights" in params or "written" in params:
        known = changed.parameters if "policy" in params or "extends" in data else Weighing({})
        changed = changed._replace(params_name=name, parameters=_weighing(params, known))
    return changed._replace(params_counts=params["counts"]) if "counts" in params else changed


def _weighing(data: Mapping[str, Any], start: Weighing) -> Weighing:
    return Weighing(*({**old, **data.get(key, {})} for key, old in zip(Weighing._fields, start, strict=True)))


def _known(words: Iterable[str], what: str) -> Any:
    """Return the type of one of several words."""
    known = [*words]

    def check(word: str) -> str:
        if word not in known:
            raise sentence("unknown-word", f"unknown {what} {shown(word)}; {suggestion(word[:60], known)}")
        return word

    return Annotated[str, Help(f"the name of a {what}"), AfterValidator(check)]


_WEIGHT: Any = Annotated[int, Field(strict=True, ge=-(10**6), le=10**6), Help("an integer of at most a million")]
_STRICT = ConfigDict(extra="forbid")


@cache
def _file_model(bases: tuple[str, ...]) -> type[BaseModel]:
    """Return the model of a convention in a file that may extend others; it is built when a file is read."""
    params: dict[str, Any] = {
        "policy": (Policy, POLICIES[0]),
        "counts": (Text, ""),
        **_weight_fields(PARAMETERS),
    }
    model = create_model("ConventionParams", __config__=_STRICT, **params)
    fields: dict[str, Any] = {
        "headline": (Annotated[Text, Field(min_length=1)], "MACs"),
        **dict.fromkeys(("about", "version", "source", "counts", "leaves_out"), (Text, "")),
        "unit": (Annotated[Unit, Help('"MAC" or "FLOP"')], "MAC"),
        "batch": (Annotated[Batch, Help('"counted", "divided" or "times params"')], "counted"),
        "folds": (Flag, False),
        "gradients": (Flag, False),
        "extends": (_known(bases, "bundled convention"), ""),
        "params": (Annotated[model, Help("a table of policy, counts, weights, kinds and written")], None),
        "notes": (_table_of(_known(ENTRIES, "entry"), Text, "a table of entries and lines of text"), {}),
        **_weight_fields(ENTRIES),
    }
    return create_model("ConventionFile", __config__=_STRICT, **fields)


def _weight_fields(entries: Iterable[str]) -> dict[str, Any]:
    """Return the fields with weights, for all steps and for some."""
    kinds = _known((*KINDS, *ACTIVATIONS.values()), "kind of step")
    words = "a table of entries and integers"
    weights = _table_of(_known(entries, "entry"), _WEIGHT, words)
    exception = _table_of(_known((*entries, EVERYTHING), "entry"), _WEIGHT, words)
    return {
        "weights": (weights, {}),
        "kinds": (_table_of(kinds, exception, "a table of kinds, each with its weights"), {}),
        "written": (_table_of(_known(CALL_STYLES, "call style"), exception, "a table of call styles"), {}),
    }


def _table_of(key: Any, value: Any, words: str) -> Any:
    """Return the type of a table, with the words for it."""
    return Annotated[GenericAlias(dict, (key, value)), Help(words)]


def _problems(data: object, bases: Sequence[str], place: Place) -> list[Problem]:
    """Return the problems with the data of a convention."""
    from flopcount.spec.problems import table_problems

    model = _file_model(tuple(bases))
    try:
        model.model_validate(data)
    except ValidationError as error:
        return table_problems(error, model, data, place)
    return []
