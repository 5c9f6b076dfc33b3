"""The networks of torchvision and timm captured live: params and MACs as recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from flopcount import Case

torch = pytest.importorskip("torch")

from live_modules import comparable, with_torchvision  # noqa: E402  (these need torch)

from flopcount.readers.pt2.file import read_program  # noqa: E402
from flopcount.torch import capture, program_of  # noqa: E402

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore")]

RECORDED = json.loads((Path(__file__).parents[1] / "oracles" / "modules.json").read_text(encoding="utf-8"))["rows"]
WITHOUT_AUX: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}
NEEDS_NUMBERS = {"regnet_x_400mf"}
"""Networks whose construction reads the numbers of tensors."""


def made(library: str, name: str) -> Any:
    """Return a network, without memory where it can be made so."""
    with_torchvision()
    source = pytest.importorskip(library)
    with torch.device("cpu" if name in NEEDS_NUMBERS else "meta"):
        if library == "timm":
            return source.create_model(name)
        return source.models.get_model(name, **WITHOUT_AUX.get(name, {}))


@pytest.mark.parametrize(
    ("library", "name", "size", "params", "macs"), RECORDED, ids=[f"{row[0]}-{row[1]}" for row in RECORDED]
)
def test_a_live_network_has_the_recorded_params_and_macs(
    library: str, name: str, size: list[int], params: int, macs: int
) -> None:
    total = Case(capture(made(library, name), input_size=size)).count.total
    assert total == {"params": params, "macs": macs}


@pytest.mark.parametrize("name", ["alexnet", "densenet121", "mobilenet_v3_small", "swin_t", "vit_b_16"])
def test_a_live_network_is_the_program_of_its_file(name: str, tmp_path: Path) -> None:
    inputs = (torch.empty(1, 3, 224, 224, device="meta"),)
    program = torch.export.export(made("torchvision", name).eval(), inputs, strict=False)
    torch.export.save(program, tmp_path / "model.pt2")
    assert comparable(program_of(program)) == comparable(read_program(tmp_path / "model.pt2"))
