"""Dense layers, embeddings and learned scales of Keras."""

import re
from math import prod

from flopcount.importers.keras.activations import followed
from flopcount.importers.keras.shapes import joined, reshaped, turned
from flopcount.importers.keras.tensors import Tensor
from flopcount.importers.keras.use import Use


def dense(use: Use) -> Tensor:
    """Write a linear layer on the last axis."""
    y = use.row("Linear", use.vectors(use.x), out_features=use.given("units"), bias=use.flag("use_bias", True))
    return followed(use, y)


def embedding(use: Use) -> Tensor:
    """Write a table of vectors."""
    x = use.vectors(use.x)
    rows, width = use.given("input_dim"), use.given("output_dim")
    return use.row("Embedding", x, num_embeddings=rows, embedding_dim=width)


def reversible_embedding(use: Use) -> Tensor | list[Tensor]:
    """Write a table of vectors, or the scores of all its rows, by the same table or by one of their own."""
    if use.keywords.get("reverse") is not True:
        return embedding(use)
    if use.given("logit_soft_cap") is not None:
        raise use.problem("logit_soft_cap is not read")
    own = use if use.flag("tie_weights", True) else use._replace(held="")
    return own.row("Linear", use.vectors(use.x), out_features=use.given("input_dim"), bias=False)


def layer_scale(use: Use) -> Tensor:
    """Write the learned scale of ConvNeXt."""
    if use.x.sizes[-1] != use.number("projection_dim", use.x.sizes[-1]):
        raise use.problem("projection_dim is not the number of channels")
    return use.row("LayerScale", use.viewed(use.x, use.x.rank - 1, use.x.copies))


def einsum_dense(use: Use) -> Tensor | list[Tensor]:
    """Write a sum of products with a weight: a linear layer where its letters are one, as they mostly are.

    Letters that input and weight share and the output lacks are summed; the
    others of the weight are new. Those that all three have make a weight of
    their own for each place.
    """
    x, equation = use.x, use.word("equation", "").replace(" ", "")
    reads, weight, writes = _letters(use, equation, x.rank)
    sizes = dict(zip(reads, x.sizes, strict=True))
    out = use.given("output_shape")
    out = [out] if isinstance(out, int) else out
    if not isinstance(out, list) or len(out) > len(writes):
        raise use.problem("output_shape is not a list with a size for each axis")
    given = zip(writes[len(writes) - len(out) :], out, strict=True)
    sizes |= {
        letter: use.checked("output_shape", size) for letter, size in given if size is not None and letter not in sizes
    }
    if not {*weight, *writes} <= sizes.keys():
        raise use.problem(f"output_shape leaves a letter of {equation[:50]!r} open")
    if any(letter in reads and letter in writes for letter in weight):
        raise use.problem(f"{equation[:50]!r} has weights of its own for each place; that is not read")
    terms = (reads, weight, writes)
    return use.grouped(lambda inner, y: followed(inner, _linear(inner, y, terms, sizes)), use.vectors(x))


def _letters(use: Use, equation: str, rank: int) -> tuple[str, str, str]:
    """Take an equation apart, without the batch; dots stand for as many axes as are left."""
    found = re.fullmatch(r"([a-z.]+),([a-z]+)->([a-z.]+)", equation)
    reads, weight, writes = found.groups() if found else ("", "", "")
    if reads.count("...") == writes.count("...") == 1:
        count = rank + 1 - (len(reads) - 3)
        dots = "".join(chr(ord("A") + place) for place in range(max(count, 0)))
        reads, writes = reads.replace("...", dots), writes.replace("...", dots)
    if not found or "." in reads + writes or len(reads) != rank + 1 or reads[:1] != writes[:1]:
        raise use.problem(f"the equation {equation[:50]!r} is not one over {rank} axes and a batch")
    return reads[1:], weight, writes[1:]


def _linear(use: Use, x: Tensor, terms: tuple[str, str, str], sizes: dict[str, int]) -> Tensor:
    """Write the summed axes as one, a linear layer to the new ones as one, and what the result is laid out as."""
    reads, weight, writes = terms
    summed = [axis for axis, letter in enumerate(reads) if letter in weight]
    made = [letter for letter in writes if letter in weight]
    kept = [letter for letter in reads if letter not in weight]
    if not summed or {*kept, *made} != {*writes}:
        raise use.problem("the equation sums what the weight does not have; that is not read")
    x = use.vectors(x) if summed == [x.rank - 1] else joined(use, use.vectors(x), summed)
    bias_axes = use.given("bias_axes")
    biased = {*str(bias_axes or "").replace(" ", "")}
    plain = biased == {*made}
    if not biased <= {*made}:
        raise use.problem(f"bias_axes = {str(bias_axes)[:50]!r} are not among the new axes; that is not read")
    y = use.row("Linear", x, out_features=prod(sizes[letter] for letter in made), bias=plain)
    order = [*kept, *made]
    if len(made) > 1 or len(kept) + 1 != y.rank:
        y = reshaped(use, y, [sizes[letter] for letter in order], tail="out")
    if order != [*writes]:
        y = turned(use, y, [order.index(each) for each in writes], tail="order")
    if plain or not biased:
        return y
    y = use.vectors(y)
    size = [sizes[letter] if letter in biased else 1 for letter in writes]
    bias = use.row("Parameter", y, tail="bias", size=size, channel=y.channel)
    return use.row("Elementwise", y, bias, tail="biased", function="add")
