"""Networks of Caffe, written for the tests after their papers and released models."""

from collections.abc import Iterator
from typing import Any


def layer(kind: str, name: str, bottom: str, top: str = "", **options: Any) -> str:
    """Write one layer; options go into the message of its kind, several values as a list."""
    bottoms = " ".join(f'bottom: "{each}"' for each in bottom.split())
    message = {"Convolution": "convolution", "InnerProduct": "inner_product", "Pooling": "pooling"}.get(
        kind, kind.lower()
    )
    fields = " ".join(f"{key}: {value}" for key, value in options.items())
    body = f"{message}_param {{ {fields} }}" if options else ""
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {body} }}\n'


def entry(size: int) -> str:
    """Write the beginning of a file: what enters."""
    sizes = f"dim: 1 dim: 3 dim: {size} dim: {size}"
    return f'name: "net"\nlayer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {sizes} }} }} }}\n'


def conv(name: str, bottom: str, filters: int, size: int, **options: Any) -> str:
    """Write a convolution and its ReLU, in place."""
    text = layer("Convolution", name, bottom, num_output=filters, kernel_size=size, **options)
    return text + layer("ReLU", f"relu_{name}", name, name)


def pool(name: str, bottom: str, size: int, stride: int, method: str = "MAX", **options: Any) -> str:
    """Write a pool."""
    return layer("Pooling", name, bottom, pool=method, kernel_size=size, stride=stride, **options)


def caffenet() -> str:
    """CaffeNet: AlexNet with the norms behind the pools, two groups."""
    text = entry(227) + conv("conv1", "data", 96, 11, stride=4) + pool("pool1", "conv1", 3, 2)
    text += layer("LRN", "norm1", "pool1", local_size=5) + conv("conv2", "norm1", 256, 5, pad=2, group=2)
    text += pool("pool2", "conv2", 3, 2) + layer("LRN", "norm2", "pool2", local_size=5)
    text += conv("conv3", "norm2", 384, 3, pad=1) + conv("conv4", "conv3", 384, 3, pad=1, group=2)
    text += conv("conv5", "conv4", 256, 3, pad=1, group=2) + pool("pool5", "conv5", 3, 2)
    for name, bottom, outputs in (("fc6", "pool5", 4096), ("fc7", "fc6", 4096)):
        text += layer("InnerProduct", name, bottom, num_output=outputs) + layer("ReLU", f"relu_{name}", name, name)
        text += layer("Dropout", f"drop_{name}", name, name)
    return text + layer("InnerProduct", "fc8", "fc7", num_output=1000) + layer("Softmax", "prob", "fc8")


def fire(name: str, bottom: str, squeezed: int, expanded: int) -> str:
    """Write a fire module."""
    text = conv(f"{name}/squeeze1x1", bottom, squeezed, 1)
    text += conv(f"{name}/expand1x1", f"{name}/squeeze1x1", expanded, 1)
    text += conv(f"{name}/expand3x3", f"{name}/squeeze1x1", expanded, 3, pad=1)
    return text + layer("Concat", f"{name}/concat", f"{name}/expand1x1 {name}/expand3x3")


def squeezenet(*, newer: bool) -> str:
    """SqueezeNet 1.0 or 1.1."""
    pools = {3, 5} if newer else {4, 8}
    text = entry(227) + conv("conv1", "data", 64 if newer else 96, 3 if newer else 7, stride=2)
    text += pool("pool1", "conv1", 3, 2)
    bottom = "pool1"
    for place, squeezed in zip(range(2, 10), (16, 16, 32, 32, 48, 48, 64, 64), strict=True):
        text += fire(f"fire{place}", bottom, squeezed, 4 * squeezed)
        bottom = f"fire{place}/concat"
        if place in pools:
            text += pool(f"pool{place}", bottom, 3, 2)
            bottom = f"pool{place}"
    text += layer("Dropout", "drop9", bottom, bottom) + conv("conv10", bottom, 1000, 1, pad=0 if newer else 1)
    text += 'layer { name: "pool10" type: "Pooling" bottom: "conv10" top: "pool10" '
    text += "pooling_param { pool: AVE global_pooling: true } }\n"
    return text + layer("Softmax", "prob", "pool10")


INCEPTIONS = (
    ("3a", 64, 96, 128, 16, 32, 32),
    ("3b", 128, 128, 192, 32, 96, 64),
    ("4a", 192, 96, 208, 16, 48, 64),
    ("4b", 160, 112, 224, 24, 64, 64),
    ("4c", 128, 128, 256, 24, 64, 64),
    ("4d", 112, 144, 288, 32, 64, 64),
    ("4e", 256, 160, 320, 32, 128, 128),
    ("5a", 256, 160, 320, 32, 128, 128),
    ("5b", 384, 192, 384, 48, 128, 128),
)
"""Table 1 of Szegedy et al., CVPR 2015: filters of 1×1, before 3×3, 3×3, before 5×5, 5×5, behind the pool."""


def inception(name: str, bottom: str, widths: tuple[int, ...]) -> str:
    """Write an inception module."""
    point, before3, three, before5, five, pooled = widths
    text = conv(f"{name}/1x1", bottom, point, 1) + conv(f"{name}/3x3_reduce", bottom, before3, 1)
    text += conv(f"{name}/3x3", f"{name}/3x3_reduce", three, 3, pad=1) + conv(f"{name}/5x5_reduce", bottom, before5, 1)
    text += conv(f"{name}/5x5", f"{name}/5x5_reduce", five, 5, pad=2) + pool(f"{name}/pool", bottom, 3, 1, pad=1)
    text += conv(f"{name}/pool_proj", f"{name}/pool", pooled, 1)
    return text + layer("Concat", f"{name}/output", f"{name}/1x1 {name}/3x3 {name}/5x5 {name}/pool_proj")


def _inceptions() -> Iterator[str]:
    bottom = "pool2"
    for stage, *widths in INCEPTIONS:
        name = f"inception_{stage}"
        yield inception(name, bottom, tuple(int(width) for width in widths))
        bottom = f"{name}/output"
        if stage in {"3b", "4e"}:
            yield pool(f"pool_{stage}", bottom, 3, 2)
            bottom = f"pool_{stage}"


def googlenet() -> str:
    """GoogLeNet, as it is deployed: without the auxiliary classifiers."""
    text = entry(224) + conv("conv1", "data", 64, 7, stride=2, pad=3) + pool("pool1", "conv1", 3, 2)
    text += layer("LRN", "norm1", "pool1", local_size=5) + conv("reduce", "norm1", 64, 1)
    text += conv("conv2", "reduce", 192, 3, pad=1) + layer("LRN", "norm2", "conv2", local_size=5)
    text += pool("pool2", "norm2", 3, 2) + "".join(_inceptions()) + pool("pool5", "inception_5b/output", 7, 1, "AVE")
    return text + layer("InnerProduct", "loss3", "pool5", num_output=1000) + layer("Softmax", "prob", "loss3")
