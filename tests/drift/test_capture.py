"""Live modules: captured as their files are read, and left as they were."""

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from live_modules import MODULES, Branches, Tied, comparable  # noqa: E402  (these need torch)
from torch import nn  # noqa: E402
from torch.export import Dim, export, save  # noqa: E402

from flopcount import Case, load  # noqa: E402
from flopcount.errors import BadInput, FileError, UsageError  # noqa: E402
from flopcount.readers.pt2.file import read_program  # noqa: E402
from flopcount.torch import capture, program_of, summary  # noqa: E402
from flopcount.torch.tracing import exported  # noqa: E402

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_a_live_program_is_that_of_its_file(name: str, decomposed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    module, inputs, shapes = MODULES[name]()
    program = export(module.eval(), inputs, dynamic_shapes=shapes, strict=False)
    program = program.run_decompositions() if decomposed else program
    save(program, tmp_path / "model.pt2")
    assert comparable(program_of(program)) == comparable(read_program(tmp_path / "model.pt2"))


def test_a_captured_module_counts_like_its_file(tmp_path: Path) -> None:
    inputs = (torch.zeros(5, 2, dtype=torch.long),)
    save(export(Tied().eval(), inputs), tmp_path / "model.pt2")
    assert Case(capture(Tied(), *inputs)).count.total == Case(load(tmp_path / "model.pt2")).count.total


class Noisy(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """Changes whatever a module can change while it runs, and fails if it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm, self.fails = nn.Linear(4, 4), nn.BatchNorm1d(4), False
        self.seen, self.times = list[Any](), 0
        self.register_buffer("moving", torch.zeros(4))
        self.norm.eval()
        self.layer.bias.requires_grad_(requires_grad=False)
        self.hook = self.layer.register_forward_hook(lambda *_: None)

    def forward(self, x: Any) -> Any:  # noqa: D102
        self.times += 1
        self.seen.append(x)
        self.moving += x.mean(0)
        self.last = self.layer(x) * random.random()  # noqa: S311
        self.last += torch.rand(4) + nn.functional.dropout(x, training=self.training)
        self.layer.weight.requires_grad_(requires_grad=False)
        self.hook.remove()
        self.layer.register_forward_hook(lambda *_: None)
        if self.fails:
            raise KeyError("told")
        return self.norm(self.last)


def state(module: nn.Module) -> Any:
    """Return everything of a module that must not change, and the generators of random numbers."""
    return (
        [
            (name, id(each), each.requires_grad, each.tolist(), each._version)
            for name, each in module.named_parameters()
        ],
        [(name, id(each), each.tolist(), each._version) for name, each in module.named_buffers()],
        [(each.training, sorted(map(str, each.__dict__)), [*each._forward_hooks]) for each in module.modules()],
        (getattr(module, "times", 0), [*getattr(module, "seen", [])]),
        (torch.get_rng_state().tolist(), random.getstate()),
        (torch.is_grad_enabled(), torch.backends.mha.get_fastpath_enabled()),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_a_module_is_left_as_it_was_also_when_it_fails(fails: bool) -> None:  # noqa: FBT001
    module = Noisy()
    module.fails = fails
    before = state(module)
    if fails:
        with pytest.raises(FileError, match="Noisy cannot be captured: KeyError: 'told'"):
            capture(module, torch.ones(2, 4))
    else:
        assert Case(capture(module, torch.ones(2, 4))).count.total.macs == 2 * 4 * 4
    assert state(module) == before


def test_a_module_without_memory_stays_so_whatever_its_size() -> None:
    """400,000,000,000 params; tensors that it makes, and a buffer that has memory, are no obstacle."""
    with torch.device("meta"):
        module = nn.Sequential(*(nn.Linear(200_000, 200_000, bias=False) for _ in range(10)), Branches())
    module[-1] = Positions()
    total = Case(capture(module, torch.ones(1, 200_000))).count.total
    assert total == {"params": 10 * 200_000**2, "macs": 10 * 200_000**2}
    assert {tensor.device.type for tensor in module.parameters()} == {"meta"}
    assert module[-1].scale.device.type == "cpu"


class Positions(nn.Module):  # type: ignore[misc]  # likewise
    """Makes a tensor, and has a buffer with memory."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x: Any) -> Any:  # noqa: D102
        return x * self.scale + torch.arange(x.shape[-1])


def test_a_module_is_counted_in_evaluation_mode_unless_training_is_asked_for() -> None:
    module = Calls(lambda layer, x: layer(layer(x)) if layer.training else layer(x)).train()
    macs = [Case(capture(module, torch.ones(1, 4), train=on)).count.total.macs for on in (False, True)]
    assert macs == [16, 2 * 16]
    assert all(each.training for each in module.modules())


def test_named_sizes_are_those_of_the_input() -> None:
    """A convolution of 27 weights: its 16 channels at each position of maps of half the height and width."""
    module = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    network = capture(module, torch.ones(2, 3, 64, 64), dynamic={0: "batch", 2: "height", 3: "width"})
    macs = 27 * 16
    assert Case(network).count.total.macs == macs * 32 * 32
    assert Case(network, batch=8).count.total.macs == 8 * macs * 32 * 32
    assert Case(network, input="height=128,width=32").count.total.macs == macs * 64 * 16
    assert Case(network, input="1x3x128x32").count.total.macs == macs * 64 * 16
    with pytest.raises(UsageError, match="height"):
        _ = Case(network, input="high=128").count


def test_a_name_is_one_size_wherever_it_stands() -> None:
    class Two(nn.Module):  # type: ignore[misc]  # likewise
        def forward(self, x: Any, y: Any) -> Any:
            return x @ x.mT, y @ y.mT

    network = capture(Two(), torch.ones(2, 6, 4), torch.ones(2, 6, 8), dynamic={"x": {1: "seq"}, "y": {1: "seq"}})
    assert Case(network, input="seq=10").count.total.macs == 2 * 10 * 10 * (4 + 8)


def test_a_size_that_is_not_open_is_said_with_what_opens_it() -> None:
    network = capture(nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8))
    with pytest.raises(FileError, match="capture it at that size, or name the size in dynamic"):
        _ = Case(network, input=16).count


def test_a_range_is_kept() -> None:
    network = capture(nn.Linear(4, 4), torch.ones(3, 5, 4), dynamic={"input": {1: Dim("seq", min=2, max=8)}})
    assert Case(network, input="seq=8").count.total.macs == 3 * 8 * 16
    with pytest.raises(UsageError, match="seq from 2 to 8, so it cannot be 9"):
        _ = Case(network, input="seq=9").count


def test_wrappers_are_seen_through() -> None:
    module = nn.Linear(4, 4)
    for wrapped in (nn.DataParallel(module), torch.compile(module), torch.compile(nn.DataParallel(module))):
        assert [node.path for node in capture(wrapped, torch.ones(2, 4)).plan.nodes] == [
            node.path for node in capture(module, torch.ones(2, 4)).plan.nodes
        ]


def test_inputs_are_of_any_device_and_type_that_the_module_takes() -> None:
    class Options(nn.Module):  # type: ignore[misc]  # likewise
        def forward(self, x: Any, options: Any = None, *, times: int = 1, name: str = "") -> Any:
            return [each @ each.mT for each in options["more"]] * times, x, name

    found = capture(Options(), torch.ones(2, 2), {"more": [torch.ones(3, 4, device="meta")]}, times=2, name="a")
    assert Case(found).count.total.macs == 3 * 3 * 4


def test_what_a_module_returns_may_be_of_any_class() -> None:
    class Several(list):  # type: ignore[type-arg]
        pass

    class Cache:
        def __init__(self, *tensors: Any) -> None:
            self.layers, self.whole, self.words = [{"keys": each} for each in tensors], self, {"a", "b"}

    module = Calls(lambda layer, x: (x, Cache(layer(x), Several([layer(x + 1)]))))
    assert Case(capture(module, torch.ones(3, 4))).count.total.macs == 2 * 3 * 16
    program, _ = exported(module, (torch.ones(3, 4),), {})
    assert program.graph_signature.user_outputs[:3] == ("x", "linear", "linear_1")


class Calls(nn.Module):  # type: ignore[misc]  # likewise
    """Does with its input what a test wants."""

    def __init__(self, what: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.layer, self.what = nn.Linear(4, 4), what

    def forward(self, x: Any) -> Any:  # noqa: D102
        return self.what(self.layer, x)


def branched(layer: Any, x: Any) -> Any:
    """Decide on a value."""
    if x.sum() > 0:
        return layer(x)
    return x


def anything(value: Any) -> Any:
    """Return a value whose type no checker looks at."""
    return value


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a value decides": (
        lambda: capture(Calls(branched), torch.ones(2, 4)),
        r"(?s)test_capture\.py:\d+:1: Calls cannot be captured: what runs.*if x\.sum\(\) > 0:\n    write the ch",
    ),
    "a size is a value": (
        lambda: capture(Calls(lambda _, x: x[: int(x.sum())]), torch.ones(2, 4)),
        r"test_capture\.py:\d+:1: Calls cannot be captured: what runs here depends on the values",
    ),
    "sizes that do not fit": (
        lambda: capture(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.ones(2, 5)),
        r"^Sequential: cannot be captured: RuntimeError: .*\n    check the inputs and what forward returns",
    ),
    "sizes that do not fit inside": (
        lambda: capture(Calls(lambda layer, x: layer(x)), torch.ones(2, 5)),
        r"test_capture\.py:\d+:1: Calls cannot be captured: RuntimeError: .*\n.*\n    check the inputs",
    ),
    "a device that is not here": (
        lambda: capture(Calls(lambda layer, x: layer(x) + torch.zeros(4, device="cuda")), torch.ones(2, 4)),
        r"test_capture\.py:\d+:1: Calls cannot be captured: .*",
    ),
    "a class": (lambda: summary(nn.ReLU), r"^capture takes a torch\.nn\.Module, .*make one: ReLU\(\)$"),
    "no inputs": (lambda: summary(nn.ReLU()), r"'input'; give what the module takes, or input_size"),
    "sizes of integers": (
        lambda: summary(nn.Embedding(8, 4), input_size=(1, 6)),
        r"(?s)cannot be captured: RuntimeError: .*\n    input_size has the batch .*dtype=torch\.long\)$",
    ),
    "no module": (lambda: capture(torch.relu, torch.ones(2)), r"^capture takes a torch\.nn\.Module, not "),
    "TorchScript": (
        lambda: capture(nn.Sequential(torch.jit.script(nn.Linear(4, 4))), torch.ones(2, 4)),
        r"^Sequential\.0 is TorchScript, which torch\.export does not read",
    ),
    "a lazy module": (lambda: capture(nn.LazyLinear(4), torch.ones(2, 4)), r"^LazyLinear has no sizes yet"),
    "a missing input": (lambda: capture(nn.Linear(4, 4)), r"^Linear\.forward\(input\): missing a required argument"),
    "one too many": (lambda: capture(nn.Linear(4, 4), 1, 2, 3), r"^Linear\.forward\(input\): too many"),
    "another name": (lambda: capture(nn.Linear(4, 4), x=1), r"^Linear\.forward\(input\): "),
    "an array": (
        lambda: capture(nn.Linear(4, 4), torch.ones(2, 4).numpy()),
        r"^an input is numpy\.ndarray; give a tensor: torch\.from_numpy\(x\)$",
    ),
    "a size with words": (lambda: capture(nn.Linear(4, 4), input_size=(2, -4)), r"^input_size .*: give whole numbers"),
    "a size that is an input": (
        lambda: capture(nn.Linear(4, 4), (2, 4)),
        r"^Linear: cannot be captured: .*\n    give tensors, or their sizes: input_size=",
    ),
    "sizes that cannot be listed": (
        lambda: capture(nn.Linear(4, 4), input_size=anything(iter([2, 4]))),
        r"^input_size .*: give whole numbers",
    ),
    "an unknown input": (
        lambda: capture(nn.Linear(4, 4), torch.ones(2, 4), dynamic={"x": {0: "batch"}}),
        r"^dynamic names 'x', which is no argument that is given; expected one of input$",
    ),
    "an axis too many": (
        lambda: capture(nn.Linear(4, 4), torch.ones(2, 4), dynamic={"input": {2: "batch"}}),
        r"^dynamic names axis 2 of input, which has 2 axes$",
    ),
    "no name": (
        lambda: capture(nn.Linear(4, 4), torch.ones(2, 4), dynamic={0: "a batch"}),
        r"^dynamic: 'a batch' is no name",
    ),
    "one of a size": (
        lambda: capture(nn.Linear(4, 4), torch.ones(1, 4), dynamic={0: "batch"}),
        r"^input has 1 along batch, which torch\.export would keep fixed; give an example of 2 or more$",
    ),
    "a size that is fixed": (
        lambda: capture(Calls(lambda _, x: x.view(2, 4)), torch.ones(2, 4), dynamic={0: "batch"}),
        r"^batch, axis 0 of x, is always 2 in the code",
    ),
    "a range that is wrong": (
        lambda: capture(Calls(lambda _, x: x.view(2, 4)), torch.ones(2, 4), dynamic={"x": {0: Dim("batch")}}),
        r"^Calls: cannot be captured: a size that is dynamic cannot be: .*\n    leave it out of dynamic",
    ),
}  # fmt: skip
"""Calls that cannot be captured, each with its sentence."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_captured_is_said_with_its_line_and_what_to_do(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    call, sentence = REFUSED[name]
    with pytest.raises(BadInput, match=sentence):
        call()
    assert capfd.readouterr() == ("", "")


def test_a_summary_prints_folds_and_is_data() -> None:
    module = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2, bias=False))
    found = summary(module, input_size=(3, 4), depth=1)
    assert found.total == {"params": 4 * 8 + 8 + 8 * 2, "macs": 3 * (4 * 8 + 8 * 2)}
    assert [row["path"] for row in found.rows] == ["0", "1"]
    assert found.to_dict()["totals"]["macs"] == 144
    assert "144" in str(found)
    assert repr(found) == str(found)
    assert found._repr_html_().count("<tr>") == 1 + 2 + 1
    assert found.case.at(batch=None).count.total == found.total


def test_a_summary_of_training_has_gradients() -> None:
    """The first layer has no gradient of its input."""
    module = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    total = summary(module, input_size=(3, 4), training=True).total
    assert total.macs_forward == 3 * (4 * 8 + 8 * 2)
    assert total.macs == 3 * (2 * 4 * 8 + 3 * 8 * 2)
    assert summary(module, input_size=(3, 4), metrics="flops").total.flops == 2 * total.macs_forward


def test_a_hostile_name_is_text_in_a_notebook() -> None:
    module = nn.ModuleDict({"<script>": nn.Linear(4, 4)})
    module.forward = module["<script>"].forward
    assert "<script>" not in summary(module, torch.ones(2, 4))._repr_html_()


def test_the_command_line_reads_exported_programs_without_torch(tmp_path: Path) -> None:
    save(export(nn.Linear(4, 4), (torch.ones(1, 4),)), tmp_path / "model.pt2")
    code = "import sys\nfrom flopcount.cli.main import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    call = [sys.executable, "-c", code, str(tmp_path / "model.pt2")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_has_what_pytorch_says_without_the_lines_of_pytorch() -> None:
    call, sentence = REFUSED["a value decides"]
    with pytest.raises(BadInput, match=sentence) as caught:
        call()
    cause = caught.value.__cause__
    assert cause is not None
    assert cause.__traceback__ is None
