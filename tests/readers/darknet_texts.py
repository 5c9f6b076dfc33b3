"""Networks of Darknet, written for the tests after the figures of their papers."""

from collections.abc import Iterator


def section(kind: str, **options: object) -> str:
    """Write one section."""
    return "\n".join([f"[{kind}]", *(f"{key}={value}" for key, value in options.items()), ""])


def conv(filters: int, size: int, stride: int = 1, **options: object) -> str:
    """Write a convolution as YOLO has them: a batch norm, a leaky ReLU."""
    plain = {"batch_normalize": 1, "filters": filters, "size": size, "stride": stride, "pad": 1, "activation": "leaky"}
    return section("convolutional", **{**plain, **options})


def head(filters: int) -> str:
    """Write a convolution to predictions, and what decodes them."""
    return conv(filters, 1, batch_normalize=0, activation="linear") + section("yolo", classes=80, mask="0,1,2")


def network(size: int, *layers: str) -> str:
    """Write a whole file."""
    return section("net", width=size, height=size, channels=3) + "\n".join(layers)


def yolov3_tiny(size: int = 416) -> str:
    """YOLOv3-tiny."""
    body = [conv(16, 3), section("maxpool", size=2, stride=2)]
    for filters in (32, 64, 128, 256):
        body += [conv(filters, 3), section("maxpool", size=2, stride=2)]
    body += [conv(512, 3), section("maxpool", size=2, stride=1), conv(1024, 3), conv(256, 1), conv(512, 3), head(255)]
    body += [section("route", layers=-4), conv(128, 1), section("upsample", stride=2), section("route", layers="-1, 8")]
    return network(size, *body, conv(256, 3), head(255))


def darknet53() -> Iterator[str]:
    """Yield the convolutions and shortcuts of Darknet-53."""
    yield conv(32, 3)
    for width, times in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        yield conv(width, 3, 2)
        for _ in range(times):
            yield conv(width // 2, 1) + conv(width, 3) + section("shortcut", **{"from": -3}, activation="linear")


def yolov3(size: int = 416) -> str:
    """YOLOv3."""
    layers = [*darknet53()]
    for width, before in ((512, None), (256, 61), (128, 36)):
        if before is not None:
            layers += [section("route", layers=-4), conv(width, 1), section("upsample", stride=2)]
            layers += [section("route", layers=f"-1,{before}")]
        layers += [conv(width, 1) + conv(2 * width, 3)] * 3
        layers += [head(255)]
    return network(size, *layers)


def resnet50(size: int = 256) -> str:
    """Darknet's ResNet-50: no convolution on any shortcut."""
    body = [conv(64, 7, 2), section("maxpool", size=2, stride=2)]
    for stage, (width, times) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for number in range(times):
            middle = conv(width, 3, 2 if stage and not number else 1)
            body += [conv(width, 1), middle, conv(4 * width, 1, activation="linear")]
            body += [section("shortcut", **{"from": -4}, activation="leaky")]
    return network(size, *body, section("avgpool"), conv(1000, 1, batch_normalize=0, activation="linear"))
