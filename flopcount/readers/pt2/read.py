"""Exported programs of PyTorch, at the sizes that are asked for."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from flopcount.errors import Note, Refusal, UsageError, listed, plain
from flopcount.formulas.shape import render as rendered
from flopcount.network.inputs import numbers_in
from flopcount.readers.base import Build, ReadOptions, ReadResult, sizes_asked, unknown_problem
from flopcount.readers.onnx.file import ModelProto, ValueInfo
from flopcount.readers.onnx.op import Dims, Value
from flopcount.readers.onnx.read import InputSizes, read_at, resized, values_asked, without_batch
from flopcount.readers.onnx.walk import unknown_operators
from flopcount.readers.pt2 import ops, ops_backward, ops_graph, ops_product, ops_shape, ops_size
from flopcount.readers.pt2.file import read_program
from flopcount.readers.pt2.lower import DTYPES, INT64, Rule, lowered
from flopcount.readers.pt2.program import (
    Dim,
    ExportedProgram,
    NameRef,
    SymbolicSize,
    TensorMeta,
    evaluated,
    render,
    symbols_of,
)
from flopcount.readers.pt2.writers import WRITERS


class Rules(Mapping[str, Rule]):
    """The rule of each operator; one that works in place, or has another name, has that of the other."""

    own: Mapping[str, Rule] = {
        name: rule
        for module in (ops, ops_product, ops_graph, ops_backward, ops_shape, ops_size)
        for name, rule in module.RULES.items()
    }

    def __getitem__(self, name: str) -> Rule:
        plain = name.removeprefix("special_").removesuffix("_functional").removesuffix("_copy")
        plain = f"a{plain[3:]}" if plain.startswith("arc") else plain
        names = (name, name.removesuffix("_"), plain, plain.removesuffix("_"))
        return self.own[next((each for each in names if each in self.own), name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


def read(path: Path) -> Build:
    """Parse a file of `torch.export.save`."""
    return network_build(read_program(path), path)


def network_build(program: ExportedProgram, path: Path) -> Build:
    """Return what makes a network of a program at any input; `path` names it."""
    model = lowered(program, Rules(), ops_shape.VIEWS, WRITERS)
    return lambda options: _network(program, model, path, options)


def _network(program: ExportedProgram, model: ModelProto, path: Path, options: ReadOptions) -> ReadResult:
    unknown = unknown_operators(model)
    if unknown and not options.allow_unknown:
        raise unknown_problem("it has operators", unknown)
    inputs = _Inputs(program, path.name)
    dtypes = {name: DTYPES.get(meta.dtype, 0) for name, meta in program.graph.tensors.items()}
    metas = ((name, len(meta.dims)) for name, meta in inputs.metas.items() if {1, *meta.dims} == {1})
    single = [ValueInfo(name, (1,) * rank, dtypes[name]) for name, rank in metas]
    asked = [text for text in options.values if text.rpartition("=")[0] in {info.name for info in single}]
    values = values_asked(asked, single, path.name)
    sizes = inputs.sizes(options._replace(values=tuple(text for text in options.values if text not in asked)))
    sizes = sizes._replace(dims={name: dims for name, dims in sizes.dims.items() if name not in values})
    infos = tuple(ValueInfo(name, dims, dtypes[name]) for name, dims in sizes.dims.items())
    model = model._replace(graph=model.graph._replace(inputs=infos))
    result = read_at(model, path, options, sizes, {**inputs.values, **values})
    tied = listed((plain(program.parameters[name]) for name in program.guessed), 3)
    notes = [Note("tied-weights", _TIED.format(tied))] if tied else []
    return result._replace(notes=(*result.notes, *notes))


_TIED = (
    "no operator reads {}, which is taken for a second name of a parameter of its size (tied weights); the file was "
    "saved without weights and does not tell"
)


@dataclass
class _Inputs:
    """The inputs of a program, and the values of the symbols in their sizes as far as they are known."""

    program: ExportedProgram
    title: str
    symbols: dict[str, int] = field(default_factory=dict)

    @property
    def metas(self) -> Mapping[str, TensorMeta]:
        """The inputs that are tensors."""
        tensors = self.program.graph.tensors
        return {name: tensors[name] for name in self.program.inputs if name in tensors}

    @property
    def numbers(self) -> Mapping[str, str]:
        """The inputs that are integers, by their symbol."""
        given = {name: symbols_of(size) for name, size in self.program.graph.numbers.items()}
        return {symbols[0]: name for name, symbols in given.items() if len(symbols) == 1}

    @property
    def values(self) -> Mapping[str, Value]:
        """The values of the inputs that are integers."""
        found = {name: evaluated(size, self.symbols) for name, size in self.program.graph.numbers.items()}
        return {name: Value((), INT64, data=(value,)) for name, value in found.items() if value is not None}

    def word(self, symbol: str) -> str:
        """Return the name that the caller gave to a symbol, or its own."""
        return self.program.names.get(symbol) or self.numbers.get(symbol, symbol)

    def sizes(self, options: ReadOptions) -> InputSizes:
        """Return the sizes of the inputs: those asked for, else those of the example; an open batch is one.

        Another batch is part of all sizes: an axis that is open may be one of tokens, which see each other.
        """
        metas = self.metas
        if not metas:
            raise Refusal("it has no input that is a tensor")
        symbols = [*dict.fromkeys(each for size in self._open for each in symbols_of(size))]
        self._learn(",".join((*filter(None, (options.input,)), *options.values)) or None, symbols)
        batch = _batch_symbol(self.program, metas)
        if batch and options.batch is not None:
            self._bind(batch, options.batch)
        notes = self._assumed([symbol for symbol in symbols if symbol not in self.symbols], batch)
        dims = {name: self._known(name, meta) for name, meta in metas.items()}
        infos = [
            ValueInfo(name, tuple(_declared(size, batch) for size in meta.dims), 0) for name, meta in metas.items()
        ]
        found, firsts = InputSizes(dims, {**self.symbols}, tuple(notes)), [info.dims[0] for info in infos if info.dims]
        if any(isinstance(each, str) for each in firsts) and self.symbols.get(batch) != 1:
            if not batch and options.batch is not None:
                raise UsageError(f"{self.title} has no batch that all its inputs share; give all sizes with --input")
            return found
        return without_batch(infos, found, options.batch)

    @property
    def _open(self) -> Sequence[Dim]:
        """The sizes of the inputs, and the inputs that are integers."""
        sizes = (size for meta in self.metas.values() for size in meta.dims)
        return *sizes, *self.program.graph.numbers.values()

    def _learn(self, text: str | None, symbols: Sequence[str]) -> None:
        """Learn the symbols from --input: their own values, and the sizes of inputs."""
        words = {word: symbol for symbol in symbols for word in (symbol, self.word(symbol))}
        names = [*self.metas, *(word for word in words if word not in self.metas)]
        title = self.title if self.program.names or not words else f"{self.title}, which keeps no names of Dims,"
        asked = sizes_asked(text, names, title, "input or size" if words else "input")
        for name, sizes in asked.items():
            if name in self.metas:
                self._unify(name, numbers_in(sizes))
            else:
                self._bind(words[name], numbers_in(sizes)[0])

    def _assumed(self, symbols: Sequence[str], batch: str) -> list[Note]:
        """Give symbols their values in the example, the batch that of one input; return the notes on them."""
        self.symbols |= {each: 1 if each == batch else _hint(self._open, each) for each in symbols}
        open_sizes = (each for each in symbols if each != batch and each not in self.numbers)
        others = [f"{self.word(each)} as {self.symbols[each]:,}" for each in open_sizes]
        notes = list[Note]()
        if batch in symbols:
            what = f"the batch of {self.title} is open, and counted as 1; --batch gives another"
            notes.append(Note("open-batch", what))
        if others:
            name, meta = next((name, meta) for name, meta in self.metas.items() if any(map(symbols_of, meta.dims)))
            example = "x".join(str(evaluated(size, self.symbols)) for size in meta.dims)
            given = f"open sizes counted as in the example: {listed(others, 3)}"
            what = f"{name!r} of {self.title} is {self._text(meta)}, with {given}"
            notes.append(Note("open-size", f"{what}; --input {name}={example} gives others"))
        return notes

    def _known(self, name: str, meta: TensorMeta) -> Dims:
        found = [evaluated(size, self.symbols) for size in meta.dims]
        if any(size is None or size < 0 for size in found):
            raise UsageError(
                f"{self.title}: the input {name!r} is {self._text(meta)}, which has no value at these sizes"
            )
        return tuple(size for size in found if size is not None)

    def _spelled(self, size: Dim) -> str:
        """Return a size as it is written, with the names that the caller gave."""
        return re.sub(r"\w+", lambda found: self.word(found[0]), render(size))

    def _text(self, meta: TensorMeta) -> str:
        return "×".join(map(self._spelled, meta.dims))

    def _bind(self, symbol: str, value: int, where: str = "") -> None:
        word, (low, high) = self.word(symbol), self.program.ranges.get(symbol, (0, inf))
        if self.symbols.setdefault(symbol, value) != value:
            raise UsageError(f"{self.title}: {word} is {self.symbols[symbol]} and {value}; give equal sizes")
        if not low <= value <= high:
            bounds = f"{low:,} or more" if high == inf else f"from {low:,} to {high:,}"
            hint = "give one in this range, or export it with a wider one"
            raise UsageError(f"{self.title} was exported for {word} {bounds}{where}, so it cannot be {value:,}; {hint}")

    def _unify(self, name: str, given: Dims) -> None:
        """Learn the symbols from the sizes of an input; a size that the program fixes cannot be another."""
        meta = self.metas[name]
        numbers = resized(ValueInfo(name, tuple(s if isinstance(s, int) else render(s) for s in meta.dims), 0), given)
        if len(numbers) != len(meta.dims):
            raise UsageError(f"--input {name}={rendered(given)} does not fit the input, which is {self._text(meta)}")
        for axis, (size, number) in enumerate(zip(meta.dims, numbers, strict=True)):
            symbols = symbols_of(size)
            if size == number or (symbols and evaluated(size, self.symbols) == number):
                continue
            what = f"size {axis} of {name!r} is {self._spelled(size)}"
            if isinstance(size, int):
                raise Refusal(self._fixed(name, axis, number))
            if (value := _solved(size, number)) is None:
                raise UsageError(f"{self.title}: {what}, which cannot be {number}{_nearest(size, number)}")
            self._bind(symbols[0], value, "" if value == number else f" ({what})")

    def _fixed(self, name: str, axis: int, number: int) -> str:
        meta = self.metas[name]
        size = meta.dims[axis]
        what = f"{name!r} was exported as {self._text(meta)}, which fixes size {axis}: it cannot be {number}"
        is_batch = not axis and size == 1
        return f"{what} ({f'--batch {number} counts a batch' if is_batch else 'dynamic_shapes would leave it open'})"


def _declared(size: Dim, batch: str) -> int | str:
    return size if isinstance(size, int) else batch if _alone(size) == (batch,) else render(size)


def _alone(size: Dim) -> tuple[str, ...]:
    """Return the symbol that a size is, if it is one and not a multiple of it or the like."""
    symbols = symbols_of(size)
    return symbols if evaluated(size, dict.fromkeys(symbols, 97)) == 97 else ()  # noqa: PLR2004  (a prime)


def _hint(sizes: Iterable[Dim], symbol: str) -> int:
    """Return the value of a symbol in the example."""
    known = (size for size in sizes if isinstance(size, SymbolicSize) and symbols_of(size) == (symbol,))
    found = (_solved(size, size.hint) for size in known if size.hint is not None)
    return next((value for value in found if value is not None), 1)


def _batch_symbol(program: ExportedProgram, metas: Mapping[str, TensorMeta]) -> str:
    """Return the symbol that is the batch: the first size of every input of several axes, and of every output."""
    outputs = [program.graph.tensors.get(each.name) for each in program.graph.outputs if isinstance(each, NameRef)]
    first = {_alone(meta.dims[0]) for meta in metas.values() if len(meta.dims) > 1}
    last = {symbols_of(meta.dims[0]) for meta in outputs if meta is not None and meta.dims}
    symbols = next(iter(first), ())
    return symbols[0] if len(first) == len(symbols) == 1 and last - {()} == first else ""


def _solved(size: Dim, number: int) -> int | None:
    """Return the value of the one symbol of a size, if the size grows evenly with it."""
    value, found = _below(size, number)
    return value if found == number else None


def _nearest(size: Dim, number: int) -> str:
    """Return the sizes next to one that cannot be, as a hint."""
    value, found = _below(size, number)
    above = None if found is None else evaluated(size, {symbols_of(size)[0]: value + 1})
    return "" if above is None else f"; the nearest are {found} and {above}"


def _below(size: Dim, number: int) -> tuple[int, int | None]:
    """Return the value of the one symbol of a size that is at most a number, and the size there, if any."""
    symbols = symbols_of(size)
    one, two = (evaluated(size, {symbols[0]: value}) if len(symbols) == 1 else None for value in (1, 2))
    if one is None or two is None or one == two:
        return 0, None
    value = 1 + (number - one) // (two - one)
    return value, evaluated(size, {symbols[0]: value})
