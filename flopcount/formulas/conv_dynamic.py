"""Convolutions whose kernels or sampling points are computed from what they read; letters as in `conv`."""

from functools import partial

from flopcount.formulas.attention import linear
from flopcount.formulas.conv import POINT, After, axes, conv, conv_base, filters, windowed
from flopcount.formulas.kept import INPUT, OTHER
from flopcount.formulas.kept import WEIGHT as WEIGHTS
from flopcount.formulas.norm import activation as activated
from flopcount.formulas.norm import softmax
from flopcount.formulas.numbers import Dim, exact_div, product, where
from flopcount.formulas.pool import avg_pool, global_avg_pool, global_max_pool
from flopcount.formulas.shape import Shape, Window, divides, per_axis, positive, shares
from flopcount.formulas.step import WEIGHT, Part, Product, Stage, Step, Tally, chain, composed, gated
from flopcount.formulas.tensor import add, mul

_sigmoid = partial(activated, function="sigmoid")
_means = partial(global_avg_pool, keepdim=False)

_REDUCTION = "reduction = {} leaves none of the {} channels; choose a smaller one"
_STRIDE = "stride = {} does not divide an axis of size {}, on which kernels are computed; pad or crop first"


def _mixed(x: Shape, window: Window, *, out_channels: Dim, kernels: Dim, groups: Dim, bias: bool) -> tuple[Part, Part]:
    """Mix kernels into one for each copy of the input, then convolve with it."""
    plain = filters(x, window, channels=out_channels, groups=groups, bias=bias)
    weights, biases = (kernels * plain.tally.counts[name] for name in ("weight", "bias"))
    mixing = Step("Mixing", x, Tally(matmul_mac=(weights + biases) * product(x.leading)))
    mixing = mixing._replace(products=(Product(mixing.tally.counts["matmul_mac"], ((0,), (WEIGHT,))),))
    tally = Tally(**{**plain.tally.counts, "weight": weights, "bias": biases})
    keeps = INPUT, WEIGHTS, plain.tally.counts["weight"] * product(x.leading)
    return Part("mixing", mixing), Part("conv", plain._replace(tally=tally, keeps=keeps), (0, "mixing"))


@windowed()
def cond_conv(
    x: Shape,
    window: Window,
    *,
    out_channels: Dim,
    num_experts: Dim,
    routing_bias: bool = True,
    groups: Dim = 1,
    bias: bool = True,
) -> Step:
    """Conditionally parameterized convolution: n experts' kernels, mixed anew for each input.

        params = n·k²·(M/groups)·N + n·M  (+ n·N with bias, + n with routing_bias),  n = num_experts
        MACs = k²·(M/groups)·N · positions + n·k²·(M/groups)·N (mixing) + n·M (routing)

    Mixing and routing happen once for each input; biases are mixed too.

    Source: Yang et al., CondConv, NeurIPS 2019, eq. 1–2.
    """
    scores = partial(linear, out_features=num_experts, bias=routing_bias)
    routing = chain("Routing", x, ("pool", _means), ("linear", scores), ("sigmoid", _sigmoid))
    mixing, conv = _mixed(x, window, out_channels=out_channels, kernels=num_experts, groups=groups, bias=bias)
    return composed("CondConv", conv.step.shape, Part("routing", routing), mixing, conv)


@windowed()
def dynamic_conv(
    x: Shape,
    window: Window,
    *,
    out_channels: Dim,
    kernels: Dim = 4,
    reduction: Dim = 4,
    attention_bias: bool = False,
    groups: Dim = 1,
    bias: bool = True,
) -> Step:
    """Dynamic convolution: K kernels, mixed by an attention over them that two linear layers compute.

        params = K·k²·(M/groups)·N + M·h + h·K  (+ K·N with bias, + K with attention_bias),  h = ⌊M/reduction⌋
        MACs = k²·(M/groups)·N · positions + K·k²·(M/groups)·N (mixing) + M·h + h·K (attention)

    K is `kernels`. Mixing and attention happen once for each input; biases are mixed too.

    Source: Chen et al., Dynamic convolution: attention over convolution kernels, CVPR 2020, section 3.2.
    """
    hidden = x.channels // reduction
    stages: tuple[Stage, ...] = (
        ("pool", _means),
        ("reduce", partial(linear, out_features=hidden, bias=False)),
        ("relu", partial(activated, function="relu")),
        ("weigh", partial(linear, out_features=kernels, bias=attention_bias)),
        ("softmax", softmax),
    )
    attention = chain("Attention", x, *stages)
    fits = positive(hidden, _REDUCTION, reduction, x.channels)
    attention = attention._replace(constraints=(fits, *attention.constraints))
    mixing, conv = _mixed(x, window, out_channels=out_channels, kernels=kernels, groups=groups, bias=bias)
    return composed("DynamicConv", conv.step.shape, Part("attention", attention), mixing, conv)


@windowed("padding", "dilation", padding="same")
def involution(
    x: Shape,
    window: Window,
    *,
    groups: Dim = 1,
    reduction: Dim = 4,
    bias: bool = True,
    kernel_norm: str | None = None,
    kernel_activation: str | None = "relu",
) -> Step:
    """Involution: kernels computed at each position, one for each group of channels.

        params = M·h + h·k²·groups  (+ k²·groups with bias),  h = ⌊M/reduction⌋
        MACs = (M·h + h·k²·groups + k²·M) · positions

    The padding is "same". With a stride, the map is average-pooled before kernels are computed. `kernel_norm` and
    `kernel_activation` are between the two 1×1 convolutions that compute them; `bias` is of the second.

    Source: Li et al., Involution, CVPR 2021, eq. 4–6.
    """
    steps = per_axis(window.stride, axes(x), "stride")
    area = product(window.kernel(len(x.spatial)))
    hidden, between = x.channels // reduction, After(kernel_norm, kernel_activation)
    stages: tuple[Stage, ...] = (
        ("pool", partial(_pooled, stride=steps)),
        ("reduce", lambda y: between(filters(y, POINT, channels=hidden))),
        ("span", partial(filters, window=POINT, channels=area * groups, bias=bias)),
    )
    kernels = chain("Kernels", x, *stages)
    whole = (divides(step, size, _STRIDE) for step, size in zip(steps, x.spatial, strict=True))
    fits = positive(hidden, _REDUCTION, reduction, x.channels), shares("groups", groups, x.channels), *whole
    applied = conv_base("Involution", x, window, *fits, channels=x.channels, weights=area * x.channels)
    unfolded = area * applied.shape.elements
    applied = applied._replace(tally=Tally(conv_mac=applied.tally.counts["conv_mac"]), keeps=(unfolded, OTHER))
    return composed("Involution", applied.shape, Part("kernels", kernels), Part("apply", applied, (0, "kernels")))


def _pooled(x: Shape, stride: tuple[Dim, ...]) -> Step:
    """Average over a stride; do nothing if it is 1."""
    step = avg_pool(x, kernel_size=stride)
    moves = where(product(stride) - 1, 1, 0)
    return step._replace(tally=Tally(**{name: count * moves for name, count in step.tally.counts.items()}))


@windowed()
def deform_conv(
    x: Shape,
    window: Window,
    *,
    out_channels: Dim,
    modulated: bool = False,
    offset_groups: Dim = 1,
    offset_bias: bool = True,
    groups: Dim = 1,
    bias: bool = True,
) -> Step:
    """Deformable convolution: a second convolution computes where each point of the kernel reads.

        params = k²·(M/groups)·N + k²·M·o  (+ N with bias, + o with offset_bias),  o = 2·k²·offset_groups
        MACs = (k²·(M/groups)·N + k²·M·o) · positions

    On a map of n axes a point has n offsets, not 2; `modulated` (version 2) adds a weight to each, so o =
    3·k²·offset_groups. Reading between positions is tallied apart: k²·M bilinear samples per position.

    Source: Dai et al., Deformable convolutional networks, ICCV 2017, eq. 2; version 2: Zhu et al., CVPR 2019.
    """
    points = product(window.kernel(axes(x))) * offset_groups
    each = axes(x) + 1 if modulated else axes(x)
    offsets = filters(x, window, channels=points * each, bias=offset_bias)
    parts = [Part("offsets", offsets)]
    if modulated:
        parts.append(Part("modulation", _sigmoid(offsets.shape.resized(points))))
    conv = filters(x, window, channels=out_channels, groups=groups, bias=bias)
    read = conv.shape.resized(x.channels).elements * product(conv.kernel)
    fits = shares("offset_groups", offset_groups, x.channels, "input channels")
    sampled = Step("Sampling", x, Tally(bilinear_sample=read), constraints=(fits,))
    conv = conv._replace(keeps=(WEIGHTS,))
    parts.append(Part("sampling", sampled, (0, *(part.name for part in parts))))
    return composed("DeformConv", conv.shape, *parts, Part("conv", conv))


def squeeze_excitation(
    x: Shape,
    *,
    squeeze_channels: Dim,
    bias: bool = True,
    norm: str | None = None,
    activation: str | None = "relu",
    gate: str = "sigmoid",
) -> Step:
    """Squeeze-and-excitation: global mean, 1×1 convolution to s channels and one back, a gate per channel.

        params = 2·C·s  (+ s + C with bias)
        MACs = 2·C·s

    The multiplication of the map by the gates is tallied apart, as `mul`.

    Source: Hu et al., Squeeze-and-excitation networks, CVPR 2018, eq. 2–4.
    """
    narrow = partial(conv, out_channels=squeeze_channels, kernel_size=1, bias=bias, norm=norm, activation=activation)
    wide = partial(conv, out_channels=x.channels, kernel_size=1, bias=bias)
    stages = (
        ("pool", global_avg_pool),
        ("reduce", narrow),
        ("expand", wide),
        ("gate", partial(activated, function=gate)),
    )
    return gated(chain("SqueezeExcitation", x, *stages, ("mul", partial(mul, x))))


def eca(x: Shape, *, kernel_size: Dim = 3) -> Step:
    """Efficient channel attention: a one-dimensional convolution over the means of the channels.

        params = k
        MACs = C·k

    The kernel slides over the channels, padded so that each has a gate.

    Source: Wang et al., ECA-Net, CVPR 2020, eq. 8.
    """
    line = Shape((*x.leading, 1, x.channels), x.channel_axis)
    slide = partial(conv, out_channels=1, kernel_size=kernel_size, padding="same", bias=False)
    scaled = mul(x, x.resized(spatial=()))
    slid = ("conv", lambda _: slide(line))
    return gated(chain("ECA", x, ("pool", global_avg_pool), slid, ("gate", _sigmoid), ("mul", lambda _: scaled)))


def cbam(x: Shape, *, reduction: Dim = 16, kernel_size: Dim = 7, bias: bool = False) -> Step:
    """Convolutional block attention: a gate per channel, then one per position.

        params = 2·C²/reduction + 2·k²  (+ C/reduction + C with bias)
        MACs = 2·(2·C²/reduction) + 2·k² · positions

    The two 1×1 convolutions are one pair, applied to the means and to the maxima.

    Source: Woo et al., CBAM, ECCV 2018, eq. 2–3.
    """
    step = composed("CBAM", x, *_channel_gate(x, reduction, bias=bias), *_space_gate(x, kernel_size))
    return step._replace(constraints=(*step.constraints, shares("reduction", reduction, x.channels)))


def _channel_gate(x: Shape, reduction: Dim, *, bias: bool) -> tuple[Part, ...]:
    """Reduce to the mean and the maximum of each channel: two positions for the 1×1 convolutions."""
    narrow = partial(conv, out_channels=exact_div(x.channels, reduction), kernel_size=1, bias=bias, activation="relu")
    wide = partial(conv, out_channels=x.channels, kernel_size=1, bias=bias)
    both = chain("Linear", x.resized(spatial=(2,)), ("reduce", narrow), ("expand", wide))
    single = x.resized(spatial=())
    pools = Part("avg_pool", global_avg_pool(x)), Part("max_pool", global_max_pool(x), (0,))
    reduce, expand = both.parts
    pair = reduce._replace(reads=("avg_pool", "max_pool")), expand
    sums = Part("add", add(single, single), ("expand", "expand")), Part("gate", _sigmoid(single))
    return (*pools, *pair, *sums, Part("mul", mul(x, single), (0, "gate")))


def _space_gate(x: Shape, kernel_size: Dim) -> tuple[Part, ...]:
    """Reduce to the mean and the maximum over the channels: two channels for the convolution."""
    both, one = x.resized(channels=2), x.resized(channels=1)
    tally = Tally(channel_pool_in=2 * x.elements, channel_pool_out=both.elements)
    pooled = Step("ChannelPool", both, tally, keeps=(INPUT, one.elements))
    seen = conv(both, out_channels=1, kernel_size=kernel_size, padding="same", bias=False)
    names, reads = ("channel_pool", "space_conv", "space_gate", "space_mul"), ((), (), (), ("mul", "space_gate"))
    return tuple(map(Part, names, (pooled, seen, _sigmoid(one), mul(x, one)), reads))
