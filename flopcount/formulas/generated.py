"""Convolutions whose kernels or sampling points are computed from what they read.

What the letters in the equations mean is said in `sliding`.
"""

from functools import partial

from flopcount.formulas.activation import activation as activated
from flopcount.formulas.activation import softmax
from flopcount.formulas.dense import linear
from flopcount.formulas.dims import Axes, Dim, product, where_positive
from flopcount.formulas.needs import divides, positive
from flopcount.formulas.pool import avg_pool, global_avg_pool
from flopcount.formulas.shape import Padding, Shape, Window, per_axis
from flopcount.formulas.sliding import POINT, axes, filters, followed, slid
from flopcount.formulas.step import Part, Stage, Step, chain, composed
from flopcount.formulas.tally import Tally

_REDUCTION = "reduction = {} leaves none of the {} channels; choose a smaller one"
_SHARES = "groups = {} does not divide the {} channels; choose a divisor of them"
_STRIDE = "stride = {} does not divide an axis of size {}, on which kernels are computed; pad or crop first"
_OFFSETS = "offset_groups = {} does not divide the {} input channels; choose a divisor of them"


def _mixed(x: Shape, window: Window, *, out_channels: Dim, kernels: Dim, groups: Dim, bias: bool) -> tuple[Part, Part]:
    """Mix kernels into one for each copy of the input, then convolve with it."""
    plain = filters(x, window, channels=out_channels, groups=groups, bias=bias)
    weights, biases = (kernels * plain.tally.counts[name] for name in ("weight", "bias"))
    mixing = Step("Mixing", x, Tally(matmul_mac=(weights + biases) * product(x.leading)))
    tally = Tally(**{**plain.tally.counts, "weight": weights, "bias": biases})
    return Part("mixing", mixing), Part("conv", plain._replace(tally=tally))


def cond_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    num_experts: Dim,
    routing_bias: bool = True,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    groups: Dim = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Conditionally parameterised convolution: n experts' kernels, mixed anew for each input.

        params = n·k²·(M/groups)·N + n·M  (+ n·N with bias, + n with routing_bias),  n = num_experts
        MACs = k²·(M/groups)·N · positions + n·k²·(M/groups)·N (mixing) + n·M (routing)

    The mixing and the routing happen once for each input; biases are mixed too.

    Source: Yang et al., CondConv, NeurIPS 2019, eq. 1–2.
    """
    stages: tuple[Stage, ...] = (
        ("pool", partial(global_avg_pool, keepdim=False)),
        ("linear", partial(linear, out_features=num_experts, bias=routing_bias)),
        ("sigmoid", partial(activated, function="sigmoid")),
    )
    window = Window(kernel_size, stride, padding, dilation)
    mixing, conv = _mixed(x, window, out_channels=out_channels, kernels=num_experts, groups=groups, bias=bias)
    routing = Part("routing", chain("Routing", x, *stages))
    return followed(composed("CondConv", conv.step.shape, routing, mixing, conv), norm, activation)


def dynamic_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    kernels: Dim = 4,
    reduction: Dim = 4,
    attention_bias: bool = False,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    groups: Dim = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Dynamic convolution: K kernels, mixed by an attention over them that two linear layers compute.

        params = K·k²·(M/groups)·N + M·h + h·K  (+ K·N with bias, + K with attention_bias),  h = ⌊M/reduction⌋
        MACs = k²·(M/groups)·N · positions + K·k²·(M/groups)·N (mixing) + M·h + h·K (attention)

    K is `kernels`. The mixing and the attention happen once for each input; biases
    are mixed too.

    Source: Chen et al., Dynamic convolution: attention over convolution kernels, CVPR 2020, section 3.2.
    """
    hidden = x.channels // reduction
    stages: tuple[Stage, ...] = (
        ("pool", partial(global_avg_pool, keepdim=False)),
        ("reduce", partial(linear, out_features=hidden, bias=False)),
        ("relu", partial(activated, function="relu")),
        ("weigh", partial(linear, out_features=kernels, bias=attention_bias)),
        ("softmax", softmax),
    )
    attention = chain("Attention", x, *stages)
    attention = attention._replace(needs=(positive(hidden, _REDUCTION, reduction, x.channels), *attention.needs))
    window = Window(kernel_size, stride, padding, dilation)
    mixing, conv = _mixed(x, window, out_channels=out_channels, kernels=kernels, groups=groups, bias=bias)
    parts = (Part("attention", attention), mixing, conv)
    return followed(composed("DynamicConv", conv.step.shape, *parts), norm, activation)


def involution(
    x: Shape,
    *,
    kernel_size: Axes,
    groups: Dim = 1,
    reduction: Dim = 4,
    stride: Axes = 1,
    bias: bool = True,
    kernel_norm: str | None = None,
    kernel_activation: str | None = "relu",
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Involution: at each position a kernel of its own, computed there, one for each group of channels.

        params = M·h + h·k²·groups  (+ k²·groups with bias),  h = ⌊M/reduction⌋
        MACs = (M·h + h·k²·groups + k²·M) · positions

    The padding is "same". With a stride the map is average-pooled before kernels
    are computed on it. `kernel_norm` and `kernel_activation` stand between the two
    1×1 convolutions that compute them; `bias` is the second one's.

    Source: Li et al., Involution, CVPR 2021, eq. 4–6.
    """
    steps = per_axis(stride, axes(x), "stride")
    window = Window(kernel_size, stride, "same")
    area = product(window.kernel(len(x.spatial)))
    hidden = x.channels // reduction
    stages: tuple[Stage, ...] = (
        ("pool", partial(_pooled, stride=steps)),
        ("reduce", lambda y: followed(filters(y, POINT, channels=hidden), kernel_norm, kernel_activation)),
        ("span", partial(filters, window=POINT, channels=area * groups, bias=bias)),
    )
    kernels = chain("Kernels", x, *stages)
    fits = (
        positive(hidden, _REDUCTION, reduction, x.channels),
        divides(groups, x.channels, _SHARES),
        *(divides(step, size, _STRIDE) for step, size in zip(steps, x.spatial, strict=True)),
    )
    applied = slid("Involution", x, window, *fits, channels=x.channels, weights=area * x.channels)
    applied = applied._replace(tally=Tally(conv_mac=applied.tally.counts["conv_mac"]))
    step = composed("Involution", applied.shape, Part("kernels", kernels), Part("apply", applied))
    return followed(step, norm, activation)


def _pooled(x: Shape, stride: tuple[Dim, ...]) -> Step:
    """Average over a stride; a stride of 1 is nothing to do."""
    step = avg_pool(x, kernel_size=stride)
    moves = where_positive(product(stride) - 1, 1, 0)
    return step._replace(tally=Tally(**{name: count * moves for name, count in step.tally.counts.items()}))


def deform_conv(
    x: Shape,
    *,
    out_channels: Dim,
    kernel_size: Axes,
    modulated: bool = False,
    offset_groups: Dim = 1,
    offset_bias: bool = True,
    stride: Axes = 1,
    padding: Padding = 0,
    dilation: Axes = 1,
    groups: Dim = 1,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = None,
) -> Step:
    """Deformable convolution: a second convolution says where each point of the kernel looks.

        params = k²·(M/groups)·N + k²·M·o  (+ N with bias, + o with offset_bias),  o = 2·k²·offset_groups
        MACs = (k²·(M/groups)·N + k²·M·o) · positions

    On a map of n axes a point has n offsets, not 2; `modulated` (version 2) adds a
    weight to each, so o = 3·k²·offset_groups. Reading between positions is tallied
    apart: k²·M bilinear samples per position.

    Source: Dai et al., Deformable convolutional networks, ICCV 2017, eq. 2; version 2: Zhu et al., CVPR 2019.
    """
    window = Window(kernel_size, stride, padding, dilation)
    points = product(window.kernel(axes(x))) * offset_groups
    each = axes(x) + 1 if modulated else axes(x)
    offsets = filters(x, window, channels=points * each, bias=offset_bias)
    parts = [Part("offsets", offsets)]
    if modulated:
        parts.append(Part("modulation", activated(offsets.shape.resized(points), function="sigmoid")))
    conv = filters(x, window, channels=out_channels, groups=groups, bias=bias)
    read = conv.shape.resized(x.channels).elements * product(conv.kernel)
    fits = divides(offset_groups, x.channels, _OFFSETS)
    parts.append(Part("sampling", Step("Sampling", x, Tally(bilinear_sample=read), needs=(fits,))))
    parts.append(Part("conv", conv))
    return followed(composed("DeformConv", conv.shape, *parts), norm, activation)
