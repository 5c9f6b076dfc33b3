"""The floor of time: what a device takes at least for the MACs and for the bytes of each layer, exactly."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Literal, NamedTuple

from flopcount.case import Case, Count
from flopcount.formulas.numbers import exact
from flopcount.network.convention import convention
from flopcount.network.memory import Style
from flopcount.network.metrics import Site
from flopcount.spec.hardware import Device, Profile, profile


class Floor(NamedTuple):
    """The least seconds for the MACs of a layer at the peak, and for its bytes at the bandwidth, if that is known."""

    compute: Fraction
    memory: Fraction | None

    @property
    def seconds(self) -> Fraction:
        """The least time: both may overlap."""
        return max(self.compute, self.memory or Fraction())

    @property
    def bound(self) -> Literal["compute", "memory", ""]:
        """Which of both takes longer; empty if nothing is done."""
        if not self.seconds:
            return ""
        return "compute" if self.compute >= (self.memory or 0) else "memory"


class Floors:
    """The floors of all layers of a network on a device."""

    def __init__(self, count: Count, profile: Profile) -> None:
        self.count, self.profile = count, profile

    @cached_property
    def layers(self) -> Mapping[str, Floor]:
        """The floor of each layer by path; raises UsageError for a precision of which the device has no peak."""
        rule = convention()
        sites = ((site, site._replace(rule=rule)) for site in self.count.sites())
        return {site.path: _floor(site, plain, self.profile.device) for site, plain in sites}

    @property
    def seconds(self) -> Fraction:
        """The sum, a lower bound of the time of the network if its layers follow each other."""
        return sum((each.seconds for each in self.layers.values()), Fraction())

    @property
    def peak(self) -> int:
        """The most bytes of tensors that are alive at once."""
        return self.count.lifetimes(Style()).peak

    @property
    def fits(self) -> bool | None:
        """Whether the peak fits the memory on the chip; None if that is not known."""
        on_chip = self.profile.device.on_chip
        return None if on_chip is None else self.peak <= on_chip.size


def floor(case: Case, device: str) -> Floors:
    """Return the floors of a case on a device, named as --on takes it: `cortex-m7`, or a file such as `my.toml`."""
    return Floors(case.count, profile(device))


def _floor(site: Site, plain: Site, device: Device) -> Floor:
    """Add up the MACs at the rate of their factors' bits; the convention of the count decides on the params alone."""
    products = ((exact(macs), max(one, other)) for macs, one, other, _ in plain.products())
    compute = sum((macs / device.rate(bits) for macs, bits in products if macs), Fraction())
    memory = None if device.bandwidth is None else exact(site.traffic) / device.bandwidth.rate
    return Floor(compute, memory)
