"""Networks that go by several names, and the families of transformers that one file holds."""

import pytest
from zoo import counted, oracle


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("mobilenetv1_100", "mobilenet_v1_1.0_224"),
        ("mobilenetv2_100", "mobilenet_v2"),
        ("mobilenetv3_large_100", "mobilenet_v3_large"),
        ("mobilenetv3_small_100", "mobilenet_v3_small"),
        ("mnasnet_100", "mnasnet1_0"),
        ("timm_efficientnet_b0", "efficientnet_b0"),
        ("vit_base_patch16_224", "vit_b_16"),
        ("swin_tiny_patch4_window7_224", "swin_t"),
        ("xception", "legacy_xception"),
    ],
)
def test_another_name_is_the_same_network(other: str, name: str) -> None:
    assert counted(other).total == counted(name).total


@pytest.mark.parametrize(
    ("name", "width", "depth", "positions", "patch"),
    [("vit_b_32", 768, 12, 50, 32), ("vit_l_16", 1024, 24, 197, 16), ("vit_h_14", 1280, 32, 257, 14)],
)
def test_params_of_a_vision_transformer_by_hand(name: str, width: int, depth: int, positions: int, patch: int) -> None:
    """A block has 12·d² weights, 9·d biases and two norms of 2·d."""
    block = 12 * width**2 + 13 * width
    ends = 3 * patch**2 * width + width + width + positions * width + 2 * width + 1000 * width + 1000
    assert counted(name).total.params == depth * block + ends


@pytest.mark.parametrize(("name", "size", "params", "macs"), oracle("torchvision")["rows"])
def test_networks_of_torchvision_cost_what_torch_counts(name: str, size: int, params: int, macs: int) -> None:
    """Every parameter and every MAC, as torch counts them on the meta device."""
    total = counted(name, size=str(size)).total
    assert (total.params, total.macs) == (params, macs)
