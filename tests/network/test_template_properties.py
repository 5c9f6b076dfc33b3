"""A network written with templates is the same network written out flat."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from small_networks import Row, count, network, row

from flopcount.network.plan import Plan


class Use(NamedTuple):
    """One use of the template: its arguments, and how often."""

    width: int
    expand: int
    kernel: int
    stride: int
    squeeze: bool
    repeat: int


USES = st.lists(
    st.builds(
        Use,
        width=st.integers(1, 24),
        expand=st.integers(1, 4),
        kernel=st.sampled_from([1, 3, 5]),
        stride=st.integers(1, 2),
        squeeze=st.booleans(),
        repeat=st.integers(1, 3),
    ),
    min_size=1,
    max_size=4,
)
STRIDE = "stride if index == 1 else 1"
BODY: list[Row] = [
    {**row("Conv", out_channels="expand * in_channels", kernel_size=1), "name": "widen", "when": "expand > 1"},
    {**row("DepthwiseConv", kernel_size="kernel", padding="kernel // 2", stride=STRIDE), "name": "filter"},
    {
        **row("Block", layers=[row("GlobalAvgPool"), row("Conv", out_channels="ceil_div(channels, 4)", kernel_size=1)]),
        "name": "gate",
        "when": "squeeze",
    },
    {**row("Conv", out_channels="width", kernel_size=1), "name": "narrow", "after": ["filter"]},
    {**row("Add", activation="relu"), "name": "add", "when": "index > 1", "after": ["input", "narrow"]},
]
TEMPLATES = {
    "bottleneck": {
        "required": ["width"],
        "arguments": {"expand": 1, "kernel": 3, "stride": 1, "squeeze": False},
        "layers": BODY,
    },
    "outer": {
        "required": ["w", "e", "k", "s", "q"],
        "layers": [row("bottleneck", name="in", width="w", expand="e", kernel="k", stride="s", squeeze="q")],
    },
}


def templated(uses: list[Use]) -> Plan:
    """Write each use as one row."""
    return network((3, 16, 16), *(row("bottleneck", **use._asdict()) for use in uses), templates=TEMPLATES)


def flat(uses: list[Use]) -> Plan:
    """Write every layer out, with the numbers that its expressions come to."""
    layers: list[Row] = []
    channels, last = 3, "input"
    for use in uses:
        for index in range(use.repeat):
            layers += unit(use, channels, last, f"u{len(layers)}", use.stride if index == 0 else 1)
            layers += [row("Add", activation="relu", after=[last, layers[-1]["name"]], name=f"a{len(layers)}")][:index]
            channels, last = use.width, layers[-1]["name"]
    return network((3, 16, 16), *layers)


def unit(use: Use, channels: int, last: str, name: str, stride: int) -> list[Row]:
    """Write one repetition without its shortcut."""
    wide = conv(use.expand * channels, f"{name}w", last)
    source = f"{name}w" if use.expand > 1 else last
    kernel = {"kernel_size": use.kernel, "padding": use.kernel // 2, "stride": stride}
    gate = [
        row("GlobalAvgPool", name=f"{name}p", after=[f"{name}f"]),
        conv(-(-use.expand * channels // 4), f"{name}g", f"{name}p"),
    ]
    return [
        *([wide] if use.expand > 1 else []),
        row("DepthwiseConv", name=f"{name}f", after=[source], **kernel),
        *(gate if use.squeeze else []),
        conv(use.width, f"{name}n", f"{name}f"),
    ]


def conv(out_channels: int, name: str, after: str) -> Row:
    return row("Conv", out_channels=out_channels, kernel_size=1, name=name, after=[after])


def steps(net: Plan) -> list[Any]:
    """Return kind, shape, params and MACs of every layer."""
    result = count(net)
    return [(node.kind, step.shape.dims, *result.cost(step).values()) for node, step in result.trace.items()]


@given(USES)
def test_templates_are_shorthand(uses: list[Use]) -> None:
    """Layer by layer: kinds, shapes, params and MACs."""
    assert steps(templated(uses)) == steps(flat(uses))


@given(USES)
def test_a_template_around_a_template_changes_nothing(uses: list[Use]) -> None:
    """Arguments passed on by name, where nothing is repeated."""
    once = [use._replace(repeat=1) for use in uses]
    rows = [row("outer", w=use.width, e=use.expand, k=use.kernel, s=use.stride, q=use.squeeze) for use in once]
    assert steps(network((3, 16, 16), *rows, templates=TEMPLATES)) == steps(templated(once))


@given(USES)
def test_arguments_of_the_file_are_shorthand_too(uses: list[Use]) -> None:
    """Each number under a name of its own."""
    arguments = {f"{key}{n}": value for n, use in enumerate(uses) for key, value in use._asdict().items()}
    rows = [row("bottleneck", **{key: f"{key}{n}" for key in Use._fields}) for n in range(len(uses))]
    net = network((3, 16, 16), *rows, templates=TEMPLATES, arguments=arguments)
    assert steps(net) == steps(templated(uses))


@given(USES)
def test_no_two_layers_have_one_path(uses: list[Use]) -> None:
    """And each reads what was there before it."""
    seen = {"input"}
    for node in templated(uses).nodes:
        assert node.path not in seen
        assert {*node.inputs} <= seen
        seen.add(node.path)
