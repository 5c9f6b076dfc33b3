"""Specs against modules of torch: `make drift` runs these where torch is installed."""

from typing import Any

import pytest

from flopcount.spec.arch import Arch
from flopcount.testing import assert_matches, measured

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore:Failed to initialize NumPy")]

LAYERS: list[dict[str, Any]] = [
    {"type": "Conv", "name": "conv", "out_channels": 16, "kernel_size": 3, "padding": 1, "groups": 1},
    {"type": "BatchNorm", "name": "norm"},
    {"type": "Activation", "function": "relu"},
    {"type": "ConvTranspose", "name": "up", "out_channels": 8, "kernel_size": 2, "stride": 2},
    {"type": "GlobalAvgPool"},
    {"type": "Flatten"},
    {"type": "Linear", "name": "head", "out_features": 10},
]


def arch(*layers: dict[str, Any], size: tuple[int, ...] = (3, 32, 32)) -> Arch:
    return Arch.model_validate({"name": "net", "input": [*size], "layers": [*layers]})


def changed(name: str, **fields: Any) -> Arch:
    return arch(*({**layer, **fields} if layer.get("name") == name else layer for layer in LAYERS))


def convolutional() -> Any:
    from torch import nn

    class Net(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
            self.up, self.head = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Linear(8, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.up(self.norm(self.conv(x)).relu()).mean((2, 3)))

    return Net()


def attentive() -> Any:
    from torch import nn

    class Net(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.norm = nn.Conv2d(3, 32, 4, 4), nn.LayerNorm(32)
            self.attn = nn.MultiheadAttention(32, 4, batch_first=True)
            self.rnn, self.head = nn.LSTM(32, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, x: Any) -> Any:
            x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
            x = self.attn(x, x, x, need_weights=False)[0]
            return self.head(self.rnn(x)[0][:, 0])

    return Net()


def test_a_spec_that_is_the_module_passes() -> None:
    assert_matches(arch(*LAYERS), convolutional(), (3, 32, 32))


def test_attention_and_recurrent_layers_are_counted_alike() -> None:
    layers: list[dict[str, Any]] = [
        {"type": "Conv", "name": "patches", "out_channels": 32, "kernel_size": 4, "stride": 4},
        {"type": "ToTokens"},
        {"type": "LayerNorm", "name": "norm"},
        {"type": "MultiheadAttention", "name": "attn", "num_heads": 4},
        {"type": "LSTM", "name": "rnn", "hidden_size": 16},
        {"type": "SelectToken"},
        {"type": "Linear", "name": "head", "out_features": 10},
    ]
    assert_matches(arch(*layers), attentive(), (3, 32, 32))


def test_a_difference_is_told_with_its_layer() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_matches(changed("up", out_channels=8, kernel_size=4, padding=1), convolutional(), (3, 32, 32))
    lines = str(caught.value).splitlines()
    assert lines[0] == "net is not this Net at 3×32×32:"
    # 16·8·4² + 8 against 16·8·2² + 8 params; 32² positions read
    assert "  up: 2056 params in the spec, 520 in the module" in lines
    assert "  up: 2097152 MACs in the spec, 524288 in the module" in lines
    assert not any(line.startswith("  conv") for line in lines)


def test_an_output_of_another_size_is_a_difference() -> None:
    wrong = arch(*LAYERS, {"type": "Activation", "function": "relu"}, {"type": "PadChannels", "padding": 1})
    with pytest.raises(AssertionError, match="output: 11 in the spec, 10 in the module"):
        assert_matches(wrong, convolutional(), (3, 32, 32))


def test_layers_without_a_module_of_their_name_are_named() -> None:
    more = {"type": "Linear", "name": "extra", "out_features": 10}
    with pytest.raises(AssertionError, match=r"extra: 100 MACs in the spec, and no module of that name"):
        assert_matches(arch(*LAYERS, more), convolutional(), (3, 32, 32))


def test_the_module_is_left_as_it_was() -> None:
    module = convolutional()
    measured(module, (3, 32, 32))
    assert module.training
    assert {parameter.device.type for parameter in module.parameters()} == {"cpu"}


def test_repeats_that_count_from_one_are_found() -> None:
    from torch import nn

    block = {"type": "Conv", "name": "conv", "out_channels": 3, "kernel_size": 3, "padding": 1}
    spec = arch({"type": "Block", "name": "stage", "repeat": 2, "layers": [block]})
    one = nn.ModuleDict({"conv": nn.Conv2d(3, 3, 5, padding=2)})

    class Net(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
        def __init__(self) -> None:
            super().__init__()
            self.stage = nn.ModuleList([one, nn.ModuleDict({"conv": nn.Conv2d(3, 3, 3, padding=1)})])

        def forward(self, x: Any) -> Any:
            for inner in self.stage:
                x = inner["conv"](x)
            return x

    with pytest.raises(AssertionError) as caught:
        assert_matches(spec, Net(), (3, 32, 32))
    assert "stage.1.conv (stage.0.conv there): 84 params in the spec, 228 in the module" in str(caught.value)
    assert "stage.2.conv" not in str(caught.value)
