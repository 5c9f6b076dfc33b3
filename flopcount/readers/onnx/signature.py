"""The inputs and attributes of an operator by name: what its writer reads, and what changes no count.

What is not in a signature is refused, so no input and no attribute is ever ignored. A star marks what changes no
count; dots after the last input, that the last three may follow any number of times.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flopcount.errors import Refusal
from flopcount.readers.onnx.file import GraphProto
from flopcount.readers.onnx.op import NodeContext, Value, Writer

_SCALES = ("scale*", "scales*", "zero_point*", "zero_points*", "absmax*")
"""The endings of the inputs that turn integers into numbers."""

_WHOLE = frozenset((2, 3, 4, 5, 21, 22, 25, 26))
"""The element types of quantized weights: integers of 2 to 16 bits."""

_INT32 = 6


@dataclass(frozen=True, slots=True)
class Signed:
    """A writer, and what it may be given."""

    write: Writer
    inputs: str
    attributes: str = ""

    def __call__(self, op: NodeContext) -> list[Value]:
        """Refuse what the signature does not have, then write the layers."""
        words = self.words(len(op.node.inputs))
        more = [f"input number {place}" for place, name in enumerate(op.node.inputs, 1) if name and place > len(words)]
        unknown = op.node.attributes.keys() - {word.rstrip("*") for word in self.attributes.split()}
        if wrong := [*more, *(f"attribute {name}" for name in sorted(unknown))]:
            raise Refusal(f"its {wrong[0]} is not supported")
        return self.write(op._replace(names=tuple(word.rstrip("*") for word in words)))

    def words(self, count: int) -> list[str]:
        """Return the inputs of a node that has a number of them."""
        words = self.inputs.removesuffix("...").split()
        while self.inputs.endswith("...") and len(words) < count:
            words += words[-3:]
        return words


def quantized(graph: GraphProto, operators: Mapping[str, Writer]) -> tuple[set[str], set[str]]:
    """Return the tensors that are quantized weights or biases, and those that are scales and zero points."""
    weights, scales, others = set[str](), set[str](), set[str]()
    dynamic = {name for node in graph.nodes if node.op == "DynamicQuantizeLinear" for name in node.outputs[1:2]}
    for node in graph.nodes:
        signed, count = operators.get(node.operator), len(node.inputs)
        scaling = node.op == "Mul" and not dynamic.isdisjoint(node.inputs)
        words = signed.words(count) if isinstance(signed, Signed) else [_SCALES[0] if scaling else ""] * count
        for name, word in zip(node.inputs, words, strict=False):
            dtype = graph.tensors[name].dtype if name in graph.tensors else 0
            (scales if word.lower().endswith(_SCALES) else others).add(name)
            if (dtype in _WHOLE and word) or (dtype == _INT32 and word in {"x", "B", "C", "bias"}):
                weights.add(name)
    return weights, scales - others
