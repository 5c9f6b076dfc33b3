"""What TensorFlow Lite Micro keeps in its arena while it runs a file: tensors, and scratch buffers of its kernels."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

from flopcount.network.schedule import Buffer, Schedule
from flopcount.readers.tflite.file import ModelFile, Operator, SubGraph, TensorInfo
from flopcount.readers.tflite.op import TensorValue
from flopcount.readers.tflite.schema import BITS

MOST_DEEP, MOST_STEPS = 16, 100_000
"""Graphs that run each other deeper, or longer, are left out and said to be unknown."""

RUNS: Mapping[str, tuple[str, ...]] = {
    "IF": ("then", "else"),
    "WHILE": ("cond", "body"),
    "CALL_ONCE": ("init",),
}
"""Operators that run graphs, by the options that have their numbers, in the order in which they are planned."""

Sized = Sequence[TensorInfo | None]
"""The tensors that an operator reads and then those that it writes; None for one that is left out."""


def _narrow(tensor: TensorInfo | None) -> bool:
    return tensor is not None and tensor.bits in {8, 16} and tensor.is_quantized


def _elements(tensor: TensorInfo | None) -> int:
    return prod(tensor.recorded) if tensor else 0


def _unpacked(reads: Sized, _: Sized) -> list[int]:
    """Return a byte for each weight of four bits."""
    weights = reads[1] if len(reads) > 1 else None
    return [_elements(weights)] if weights and weights.bits == 4 else []  # noqa: PLR2004


def _sums(reads: Sized, writes: Sized) -> list[int]:
    return [4 * _elements(writes[0])] if _narrow(reads[0]) else []


def _extremes(reads: Sized, _: Sized) -> list[int]:
    rank = len(reads[0].recorded) if reads[0] else 0
    return [4 * rank, 4 * _elements(reads[1])]


def _accumulators(reads: Sized, writes: Sized) -> list[int]:
    """Return the sums of a transposed convolution, and biases of 16 bits that become wider."""
    x, bias = reads[2], reads[3] if len(reads) > 3 else None  # noqa: PLR2004
    if not _narrow(x):
        return []
    is_wide = x is not None and x.bits == 16  # noqa: PLR2004
    biases = [8 * _elements(bias)] if is_wide and bias and bias.bits == 16 else []  # noqa: PLR2004
    return [(8 if is_wide else 4) * _elements(writes[0]), *biases]


def _filters(reads: Sized, writes: Sized) -> list[int]:
    batch = reads[0].recorded[0] if reads[0] else 1
    filters = reads[1].recorded[0] if reads[1] else 0
    return [4 * batch * filters, *([4 * _elements(writes[0])] if _narrow(reads[0]) else [])]


def _gates(reads: Sized, _: Sized) -> list[int]:
    """Return four buffers of the size of the state of an LSTM."""
    state = reads[19] if len(reads) > 19 else None  # noqa: PLR2004
    return [_elements(state) * (state.bits if state else 0) // 8] * 4


SCRATCH: Mapping[str, Callable[[Sized, Sized], list[int]]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"), _unpacked),
    **dict.fromkeys(("MEAN", "SUM"), _sums),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), _extremes),
    "TRANSPOSE_CONV": _accumulators,
    "SVDF": _filters,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _gates,
}
"""The bytes of the scratch buffers that reference kernels ask for, in their order; other builtin kernels have none."""


def schedule(file: ModelFile, values: Mapping[int, TensorValue | None], paths: Mapping[str, str]) -> Schedule:
    """Return what is planned for a file; the tensors of its main graph have the sizes of `values`."""
    marks = _Marks(file, values, paths)
    marks.graph(0)
    graphs = [file.graph(number) for number in marks.seen]
    tensors = sum(len(graph.tensors) for graph in graphs)
    variables = sum(-(-_bytes(tensor) // 16) * 16 for graph in graphs for tensor in graph.tensors if tensor.is_variable)
    buffers = (*marks.tensors(), *marks.scratch)
    operators = sum(len(graph.operators) for graph in graphs)
    return Schedule(buffers, tensors, operators, variables, (*marks.unknown,), marks.offline)


def _bytes(tensor: TensorInfo) -> int:
    return -(-_elements(tensor) * tensor.bits // 8)


def _all_tensors(file: ModelFile) -> int:
    """Return the number of tensors, for each of which a plan has to have a place."""
    return sum(len(file.graph(number).tensors) for number in range(len(file.places)))


class _Marks:
    """When each tensor is first made and last used, step by step: an operator is a step, and so is entering a graph."""

    def __init__(self, file: ModelFile, values: Mapping[int, TensorValue | None], paths: Mapping[str, str]) -> None:
        self.file, self.values, self.paths = file, values, paths
        self.step = 0
        self.seen: dict[int, SubGraph] = {}
        self.first: dict[tuple[int, int], int] = {}
        self.last: dict[tuple[int, int], int] = {}
        self.scratch: list[Buffer] = []
        self.unknown: dict[str, None] = {}
        self.offline = None if file.offline is None else len(file.offline) == _all_tensors(file)

    def graph(self, number: int, depth: int = 0) -> None:
        """Mark the tensors of a graph, in the order in which it runs."""
        graph = self.file.graph(number)
        self.seen[number] = graph
        self._made(number, (*graph.inputs, *graph.outputs))
        for operator in graph.operators:
            self.step += 1
            self._made(number, operator.outputs)
            start = self.step
            self._run(operator, depth)
            self._used(number, (*operator.inputs, *operator.outputs))
            self._ask(operator, graph, start)
        self._used(number, graph.outputs)

    def _made(self, graph: int, tensors: Sequence[int]) -> None:
        places = [(graph, tensor) for tensor in tensors if tensor >= 0]
        self.first |= dict.fromkeys(places, self.step)
        self.last |= dict.fromkeys(places, self.step)

    def _used(self, graph: int, tensors: Sequence[int]) -> None:
        self.last |= dict.fromkeys(((graph, tensor) for tensor in tensors if tensor >= 0), self.step)

    def _run(self, operator: Operator, depth: int) -> None:
        """Enter the graphs that an operator runs."""
        for option in RUNS.get(operator.name, ()):
            number = operator.options.get(option, 0)
            self.step += 1
            if number and depth < MOST_DEEP and self.step < MOST_STEPS:
                self.graph(number, depth + 1)
            else:
                self.unknown[operator.name] = None

    def _ask(self, operator: Operator, graph: SubGraph, start: int) -> None:
        """Keep the scratch buffers of a kernel, which are alive while it runs."""
        if operator.name.startswith(("CUSTOM", "BUILTIN")):
            self.unknown[operator.name] = None
        reads, writes = ([graph.tensors[n] if n >= 0 else None for n in x] for x in (operator.inputs, operator.outputs))
        try:
            sizes = SCRATCH[operator.name](reads, writes) if operator.name in SCRATCH else []
        except IndexError:
            sizes = []
            self.unknown[operator.name] = None
        self.scratch += [Buffer(f"{operator.name} scratch", "", size, 8, start, self.step) for size in sizes if size]

    def tensors(self) -> Iterator[Buffer]:
        """Yield the tensors that are planned, in the order of the file: no constants, no variables, nothing empty."""
        for number in sorted(self.seen):
            for place, tensor in enumerate(self.seen[number].tensors):
                if (number, place) in self.first and tensor.content is None and not tensor.is_variable:
                    yield from self._buffer(number, place, tensor)

    def _buffer(self, graph: int, place: int, tensor: TensorInfo) -> Iterator[Buffer]:
        value = self.values.get(place) if graph == 0 else None
        path = self.paths.get(value.signal.path, "") if value and value.signal else ""
        elements = value.elements if value else _elements(tensor)
        if not BITS[tensor.type]:
            self.unknown[f"a tensor of {tensor.name[:40]!r}"] = None
        elif elements:
            steps = (self.first[graph, place], self.last[graph, place])
            at = self.file.offline[place] if self.file.offline and self.offline else -1
            yield Buffer(tensor.name, path, elements, BITS[tensor.type], *steps, at)
