"""The lines of the README that write a file, run in the frameworks they are for: `make drift` has most of them."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from flopcount import Case, load

pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings("ignore")]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^(\w+)[^\n]*:\n\n```python\n(.*?)```", README, re.MULTILINE | re.DOTALL))
SETUP = {
    "PyTorch": """torch
from torch import nn
model = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
""",
    "Keras": """keras
import keras
layer = keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)
model = keras.Sequential([keras.Input((224, 224, 3)), layer])
""",
    "TensorFlow": """tensorflow tf2onnx
import tensorflow as tf
k = tf.Variable(tf.ones((3, 3, 3, 16)))
function = tf.function(lambda x: tf.nn.conv2d(x, k, 2, "SAME"))
""",
    "JAX": """jax jax2onnx
import jax.numpy as jnp
from jax import lax
k, axes = jnp.ones((3, 3, 3, 16)), ("NHWC", "HWIO", "NHWC")
function = lambda x: lax.conv_general_dilated(x, k, (2, 2), "SAME", dimension_numbers=axes)
""",
}
"""What each needs, and a convolution of 432 weights at 112×112 positions."""


@pytest.mark.parametrize("framework", SETUP)
def test_the_lines_write_a_file_that_is_counted(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, _, setup = SETUP[framework].partition("\n")
    if framework == "Keras" and find_spec("jax"):
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    for module in needed.split():
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(setup, names)  # noqa: S102  (ours)
    exec(SNIPPETS[framework], names)  # noqa: S102
    (written,) = [path for path in tmp_path.iterdir() if path.suffix in {".pt2", ".onnx", ".json"}]
    total = Case(load(written)).count.total
    assert (total.params, total.macs) == (3 * 3 * 3 * 16, 3 * 3 * 3 * 16 * 112 * 112)
