"""--on: the least time on a device, by hand; profiles of one's own; systolic arrays as SCALE-Sim counts them."""

import json
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Write

from flopcount.analyses.systolic import SystolicArray, systolic_array
from flopcount.spec.hardware import HARDWARE, profile, profiles
from flopcount.spec.units import duration

RECORDED = Path(__file__).parent.parent / "oracles" / "scale_sim.json"

NETWORK = """
input = [4, 8, 8]
layers = [
  { type = "Conv", name = "a", out_channels = 16, kernel_size = 3, padding = 1, bias = false },
  { type = "Activation", name = "b", function = "relu" },
  { type = "Flatten", name = "c" },
  { type = "Linear", name = "d", out_features = 10, bias = false },
]
"""
PROFILE = """
name = "A toy"

[peak.int8]
macs_per_cycle = 2
clock = "1 MHz"
source = "its manual, page 3"
date = "2024-01"

[peak.float32]
value = "1 MFLOPS"
source = "its manual, page 3"
date = "2024-01"

[bandwidth]
value = "4 kB/s"
source = "its manual, page 4"
date = "2024-01"

[on_chip]
value = "2 KiB"
source = "its manual, page 5"
date = "2024-01"
"""


def on(run: Run, write: Write, *arguments: str, text: str = PROFILE) -> dict[str, Any]:
    device = write("toy.toml", text)
    answer = run("-", "--on", str(device), *arguments, "--format", "json", stdin=NETWORK.encode())
    assert answer.code == 0, answer.err
    data: dict[str, Any] = json.loads(answer.out)
    return data


def test_the_least_time_of_a_layer_is_the_longer_of_both(run: Run, write: Write) -> None:
    """In int8: a has 36,864 MACs at 2 million a second, and 256 + 1,024 + 576 bytes at 4,000; b moves 2,048."""
    data = on(run, write, "--precision", "int8")
    times = {layer["path"]: (layer["least_seconds"], layer["bound"]) for layer in data["layers"]}
    assert times == {
        "a": (float(Fraction(1856, 4000)), "memory"),
        "b": (float(Fraction(2048, 4000)), "memory"),
        "c": (0.0, ""),
        "d": (float(Fraction(1024 + 10 + 10240, 4000)), "memory"),
    }
    assert data["totals"]["least_seconds"] == float(Fraction(1856 + 2048 + 11274, 4000))
    assert (data["totals"]["peak"], data["fits_on_chip"]) == (1280, True)


def test_compute_binds_if_the_macs_take_longer_and_the_precision_chooses_the_peak(run: Run, write: Write) -> None:
    """In 32 bits half a million MACs a second: a takes 73.7 ms, or 4·1,856 bytes at a million a second, 7.4 ms."""
    text = PROFILE.replace("4 kB/s", "1 MB/s")
    layer = on(run, write, text=text)["layers"][0]
    assert (layer["least_seconds"], layer["bound"]) == (float(Fraction(36864, 500_000)), "compute")
    data = on(run, write, "--precision", "int8;a:float32", text=text)
    assert data["layers"][0]["least_seconds"] == float(Fraction(36864, 500_000))
    data = on(run, write, "--precision", "int8;c:float32", text=text)
    assert data["layers"][3]["least_seconds"] == float(Fraction(10240, 500_000))  # 8 bits by 32: at the rate of 32


def test_without_a_bandwidth_the_macs_alone_are_a_bound(run: Run, write: Write) -> None:
    data = on(run, write, text=PROFILE.split("[bandwidth]", maxsplit=1)[0])
    assert data["totals"]["least_seconds"] == float(Fraction(36864 + 10240, 500_000))
    assert "fits_on_chip" not in data
    assert "bandwidth has no public source" in " ".join(data["notes"])


def test_the_sum_is_a_lower_bound_and_nothing_is_called_latency(run: Run, write: Write) -> None:
    found = run("-", "--on", str(write("toy.toml", PROFILE)), "--precision", "int8", stdin=NETWORK.encode())
    assert "at least 3.795 s, the sum of the least times of the layers; memory binds 3 layers" in found.out
    assert "the peak of 1.28 kB fits the 2.048 kB on the chip" in found.out
    assert "a lower bound" in found.out
    assert "latency" not in found.out.lower() + run("hardware").out.lower()


def test_it_is_in_every_format_and_can_be_sorted_and_folded(run: Run, write: Write) -> None:
    options = ("-", "--on", str(write("toy.toml", PROFILE)), "--precision", "int8")
    rows = run(*options, "--format", "csv", "--columns", "path,least_seconds,bound", stdin=NETWORK.encode()).out
    assert rows.splitlines()[:3] == ["path,least_seconds,bound", "a,0.464,memory", "b,0.512,memory"]
    first = run(*options, "--sort", "least_seconds", "--columns", "path,least_seconds", stdin=NETWORK.encode()).out
    assert first.index("2.81") < first.index("512.0 ms") < first.index("464.0 ms")
    by = run(*options, "--by", "type", "--columns", "type,least_seconds", "--format", "csv", stdin=NETWORK.encode())
    assert by.out.splitlines()[1] == "Conv,0.464"
    compared = json.loads(run("compare", "resnet18", "mobilenet_v2", "--on", "a100", "--format", "json").out)
    assert [row["least_seconds"] for row in compared["archs"]] == [
        json.loads(run(name, "--on", "a100", "--format", "json").out)["totals"]["least_seconds"]
        for name in ("resnet18", "mobilenet_v2")
    ]


def test_a_file_brings_its_own_precision(run: Run) -> None:
    path = Path(__file__).parent.parent / "oracles" / "tflite" / "resnet8_int8.tflite"
    data = json.loads(run(path, "--on", "ethos-u55", "--format", "json").out)
    assert data["totals"]["least_seconds"] > 0
    assert run("resnet18", "--on", "ethos-u55").code == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('source = "its manual, page 4"\n', ""), "missing field source"),
        (('"4 kB/s"', '"4 kB"'), "expected e.g. '1555 GB/s'"),
        (('"1 MFLOPS"', '"1 MB/s"'), "expected e.g. '312 TFLOPS'"),
        (('"1 MHz"', '"1 s"'), "expected e.g. '168 MHz'"),
        (('clock = "1 MHz"\n', ""), "a peak is a value, or macs_per_cycle and a clock"),
        (("[peak.int8]", "[peak.int9]"), "there is no precision 'int9'; did you mean 'int8'?"),
        (("[on_chip]", "[onchip]"), 'unknown key "onchip"'),
        (('name = "A toy"', ""), "missing field name"),
        (('value = "4 kB/s"', "value = 0"), "invalid value 0"),
        (('"4 kB/s"', '"0 kB/s"'), "'0 kB/s' is no number above 0; expected e.g. '1555 GB/s'"),
        (('"4 kB/s"', '"4"'), "'4' has no unit; expected e.g. '1555 GB/s'"),
        (('"4 kB/s"', '"4 MAC/s"'), "has the unit 'MAC/s', which is none of this; expected e.g. '1555 GB/s'"),
        (('source = "its manual, page 4"\n', ""), "expected the document and page, or URL"),
        (('page 4"\ndate = "2024-01"', 'page 4"\ndate = "lately"'), 'invalid date "lately": expected the date'),
        ((PROFILE, "#\n"), "missing field peak"),
    ],
)
def test_a_profile_that_is_wrong_is_an_error_with_its_place(
    change: tuple[str, str], words: str, run: Run, write: Write
) -> None:
    device = write("toy.toml", PROFILE.replace(*change))
    found = run("-", "--on", str(device), stdin=NETWORK.encode())
    assert (found.code, found.out) == (2, "")
    assert "toy.toml:" in found.err
    assert words in found.err, found.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--on", "b100"), "did you mean 'a100'?"),
        (("--on", "none.toml"), "no such file"),
        (("--on", "b1"), "--on b1: there is no such device"),
        (("--on", "array:8:ws"), "array:ROWSxCOLUMNS:DATAFLOW"),
        (("--on", "array:8x8:xs"), "array:ROWSxCOLUMNS:DATAFLOW"),
        (("--on", "array:0x8:ws"), "1 to 1,000,000 rows and columns"),
        (("--on", "a100", "--precision", "int2"), "has no peak for 2 bits, only for float32"),
    ],
)
def test_what_is_no_device_is_an_error(options: tuple[str, ...], words: str, run: Run) -> None:
    found = run("-", *options, stdin=NETWORK.encode())
    assert (found.code, found.out) == (2, "")
    assert words in found.err, found.err


def test_an_empty_profile_says_what_it_needs(run: Run, write: Write) -> None:
    device = str(write("toy.toml", ""))
    for line in (("lenet5", "--on", device), ("hardware", device)):
        assert "the file is empty; a profile needs at least name and peak" in run(*line).err
    assert run("hardware", "b100").err.startswith("error: hardware b100: there is no such device; did you mean")


@pytest.mark.parametrize("date", ["2024", "2024-01-31", '"2024-01-31"', '"2024"'])
def test_a_date_is_a_year_a_month_or_a_day(date: str, run: Run, write: Write) -> None:
    on(run, write, text=PROFILE.replace('"2024-01"', date))


REQUIRED = "cortex-m4 cortex-m7 ethos-u55 ethos-u65 edge-tpu jetson-orin-nano a100 h100-sxm"


def test_every_bundled_number_has_a_source_and_none_is_sparse(run: Run) -> None:
    """The dense peaks by hand: A100 312 TFLOPS of 16 bits are 156 TMAC/s, U55 256 MACs at 500 MHz are 128 GMAC/s."""
    assert set(REQUIRED.split()) <= set(profiles())
    for name in profiles():
        data = tomllib.loads((HARDWARE / f"{name}.toml").read_text(encoding="utf-8"))
        figures = [*data["peak"].values(), *(data[key] for key in ("bandwidth", "on_chip") if key in data)]
        assert all("https://" in each["source"] or "http://" in each["source"] for each in figures)
        assert all(each["date"] for each in figures)
    assert profile("a100").device.rate(16) == 156 * 10**12
    assert profile("ethos-u55").device.rate(8) == 128 * 10**9
    assert profile("jetson-orin-nano").device.rate(8) == 10**13  # not the 20 of sparse weights
    assert profile("cortex-m4").device.rate(32) == 84 * 10**6  # a multiplication and an addition, a cycle each
    rows = json.loads(run("hardware", "--format", "json").out)["devices"]
    assert [row["device"] for row in rows] == profiles()
    assert "whitepaper" in run("hardware", "a100").out
    listed = run("hardware", "--format", "csv").out  # figures as the profiles have them, not rounded
    assert "1555 GB/s,40 MiB" in listed
    assert "int8 989.45 T" in listed


def test_a_time_has_four_digits_and_a_unit() -> None:
    times = [Fraction(1234567, 10**9), Fraction(3, 2), Fraction(1, 10**7), Fraction(0), Fraction(12345)]
    assert [duration(each) for each in times] == ["1.235 ms", "1.500 s", "100.0 ns", "0 s", "1.234e+04 s"]


def recorded() -> list[list[Any]]:
    rows: list[list[Any]] = json.loads(RECORDED.read_text(encoding="utf-8"))["layers"]
    return rows


def test_cycles_and_utilization_of_an_array_are_those_of_scale_sim() -> None:
    """336 random layers in three dataflows, simulated with SCALE-Sim 3 (benchmarks/scale_sim.py)."""
    assert len(recorded()) >= 300
    for rows, columns, flow, height, width, tall, wide, channels, filters, stride, cycles, busy in recorded():
        m, k = ((height - tall) // stride + 1) * ((width - wide) // stride + 1), tall * wide * channels
        assert SystolicArray(rows, columns, flow).cycles(m, k, filters) == cycles
        assert m * k * filters * 100 / (cycles * rows * columns) == pytest.approx(busy, rel=1e-12)


def test_a_network_takes_the_cycles_of_its_layers_on_an_array(run: Run) -> None:
    """By hand, weight stationary on 8×8: a has M 64, K 36, N 16: 5·2 folds of 64 + 16 + 8 − 2 + … cycles."""
    rows = recorded()[:40]
    for height, width, flow, *sizes, cycles, busy in rows:
        tall, wide, k1, k2, channels, filters, stride = sizes
        layer = f"out_channels = {filters}, kernel_size = [{k1}, {k2}], stride = {stride}, bias = false"
        text = f'input = [{channels}, {tall}, {wide}]\nlayers = [{{ type = "Conv", {layer} }}]\n'
        answer = run("-", "--on", f"array:{height}x{width}:{flow}", "--format", "json", stdin=text.encode())
        totals = json.loads(answer.out)["totals"]
        assert (totals["cycles"], totals["utilization"] * 100) == (cycles, pytest.approx(busy))
    data = json.loads(run("-", "--on", "array:8x8:ws", "--format", "json", stdin=NETWORK.encode()).out)
    assert [layer.get("cycles") for layer in data["layers"]] == [10 * (64 + 22) - 1, None, None, 128 * 2 * (1 + 22) - 1]
    assert data["totals"]["cycles"] == 859 + 5887
    assert systolic_array("array:8x8:ws").cycles(64, 36, 16) == 859
