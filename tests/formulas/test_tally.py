"""Tallies: named counts that add, in one vocabulary."""

from formula_samples import labelled

from flopcount.formulas.step import OPERATIONS, PARAMETERS, Tally, frozen


def tallied() -> set[str]:
    """Return all names that the samples tally, trained and frozen."""
    steps = [sample.step(kind) for _, kind, sample in labelled()]
    return {name for step in (*steps, *map(frozen, steps)) for name in step.tally.counts}


def test_formulas_use_the_vocabulary_and_all_of_it() -> None:
    """No formula tallies a name that is not in the vocabulary, and no name is there for nothing."""
    assert tallied() == {*OPERATIONS, *PARAMETERS}


def test_a_name_is_an_operation_or_a_parameter() -> None:
    assert not OPERATIONS.keys() & PARAMETERS.keys()


def test_tallies_add_name_by_name() -> None:
    added = Tally(weight=2, bias=3) + Tally(bias=5, relu=7)
    assert added.counts == {"weight": 2, "bias": 8, "relu": 7}


def test_weighing_takes_the_named_counts_times_their_weights() -> None:
    """A count without a weight is nothing, a weight without a count too."""
    assert Tally(weight=2, bias=3, relu=7).weighed({"weight": 1, "bias": 10, "running": 4}) == 32
