"""The kernel and the stride that tables show."""

import pytest
from formula_samples import SAMPLES

from flopcount.report.count import window_of
from flopcount.spec.kinds import parameters


@pytest.mark.parametrize("kind", [kind for kind in SAMPLES if "kernel_size" in parameters(kind)])
def test_every_convolution_and_pool_has_its_kernel_and_its_stride(kind: str) -> None:
    """With a norm and an activation too; in a composition they are those of its largest kernel."""
    for sample in SAMPLES[kind]:
        found = window_of(sample.step(kind))
        assert {"kernel", "stride"} <= found.keys()
        assert len(found["kernel"]) == len(found["stride"])
