"""Every kind at work: a new kind needs one line in one of the tables of samples."""

from collections.abc import Iterator, Mapping

from samples_basic import BASIC
from samples_other import SAMPLES_OTHER
from samples_tensors import TENSORS
from samples_variants import VARIANTS
from sampling import Sample

SAMPLES: Mapping[str, tuple[Sample, ...]] = {**BASIC, **VARIANTS, **SAMPLES_OTHER, **TENSORS}


def labelled() -> Iterator[tuple[str, str, Sample]]:
    """Yield a label, the kind and the sample, for all samples."""
    for kind, samples in SAMPLES.items():
        for number, each in enumerate(samples, start=1):
            yield f"{kind}-{number}", kind, each
