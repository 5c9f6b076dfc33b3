"""Arguments and options that several commands share."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from flopcount.cli.loading import Options
from flopcount.cli.output import ENDINGS, FORMATS, Output
from flopcount.errors import UsageError, by_word, plain, suggestion
from flopcount.network.convention import POLICIES, mac_conventions
from flopcount.network.optimizers import DEFAULT, OPTIMIZERS
from flopcount.spec.kinds import KINDS
from flopcount.spec.load import bundled
from flopcount.spec.units import METRICS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CHARTS = (".svg", ".pdf", ".png", ".html")
"""The endings of files that --plot writes."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _completing(names: Callable[[], Iterable[str]], *, has_files: bool = False) -> Callable[..., Any]:
    """Return the function that completes names; the shell completes files."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        del ctx, param
        found = [CompletionItem(name) for name in names() if name.lower().startswith(incomplete.lower())]
        return [*found, *([CompletionItem(incomplete, type="file")] if has_files else [])]

    return complete


def _devices() -> Iterable[str]:
    from flopcount.spec.hardware import profiles

    return profiles()


complete_arch = _completing(bundled, has_files=True)
complete_device = _completing(_devices, has_files=True)
complete_convention = _completing(mac_conventions)
complete_kind = _completing(lambda: KINDS)
"""Complete the names of bundled networks and files, of devices and files, of conventions, of kinds."""


def typed(name: str, kind: Any, *decorators: Decorator) -> Decorator:
    """Add options whose values reach the command as one value of a kind of NamedTuple."""

    def apply(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def called(**values: Any) -> Any:
            own = {field: values.pop(field) for field in kind._fields if field in values}
            return command(**values, **{name: kind(**own)})

        wrapped: Callable[..., Any] = called
        for decorator in reversed(decorators):
            wrapped = decorator(wrapped)
        return wrapped

    return apply


ALIKE: Mapping[str, str] = by_word(
    {
        "did you mean 'csv'?": "tsv excel xlsx xls",
        "did you mean 'table'?": "txt",
        "--plot FILE.pdf draws a chart": "pdf",
        "--graph dot and --graph mermaid show the graph": "dot mermaid graphviz",
        "there is no YAML; write json": "yaml",
        "--plot FILE.html draws a chart": "html",
        "--plot FILE.png draws a chart": "png",
    }
) | {ending[1:]: f"did you mean {name!r}?" for ending, name in ENDINGS.items()}
"""Formats of other tools, and what stands for them."""

_POLICIES_ALIKE = by_word(
    {
        "did you mean 'total'?": "all everything",
        "they are --params total less --params trainable": "non-trainable nontrainable non_trainable frozen buffers",
    }
)


class Named(click.Choice[str]):
    """A choice by name; another word is answered with what stands for it, or with a suggestion."""

    def __init__(self, choices: Sequence[str], alike: Mapping[str, str]) -> None:
        """Take the names, and words of other tools."""
        super().__init__(choices)
        self.alike = alike

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; an empty one is that of no choice."""
        del ctx
        if not value or value in self.choices:
            return str(value)
        meant = self.alike.get(value) or suggestion(str(value), [*self.choices])
        raise UsageError(f"{param.opts[0] if param else ''} {plain(str(value)[:60])}: {meant}")


class _Format(Named):
    """A format by its name; the ending of its files and `text` stand for it too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        return "table" if value == "text" else super().convert(value, param, ctx)


def _output_options(*more: str, where: str = "FILE", to: str = "Write to a file, whole or not at all.") -> Decorator:
    return typed(
        "out",
        Output,
        click.option(
            *("--format", "fmt"),
            type=_Format([*FORMATS, *more], ALIKE),
            default="",
            help="Output format (default: by the ending of -o, else table).",
        ),
        click.option("-o", "--output", metavar=where, help=to),
        click.option(
            "--exact-numbers", "exact", is_flag=True, help="Write all digits of integers and ratios in tables."
        ),
        click.option("--unit", type=click.Choice(("k", "M", "G", "T")), help="Write integers of tables in this unit."),
    )


raw_output_options = _output_options()
"""Add --format and -o as they are given, and take the value of --plot."""

sweep_output_options = _output_options(where="FILE|FOLDER/", to="Write to a file, or in parts to a folder.")
"""Add the same, where -o may also name a folder."""


def output_options_with(*more: str) -> Decorator:
    """Add --format and -o, with more formats; the format is that of --format, or by the ending of the file."""

    def apply(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def called(*, out: Output, **values: Any) -> Any:
            return command(out=out.decided, **values)

        return _output_options(*more)(called)

    return apply


output_options = output_options_with()
"""Add --format and -o; the format is that of --format, or by the ending of the file."""


def _check_plot(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse other files, and any if the library that draws is missing, before anything is computed."""
    del ctx, param
    if value is None:
        return None
    if os.path.splitext(value)[1].lower() not in CHARTS:  # noqa: PTH122  (start-up)
        endings = f"{', '.join(CHARTS[:-1])} or {CHARTS[-1]}"
        raise UsageError(f"--plot {plain(value[:200])}: expected a file that ends in {endings}")
    from flopcount.report.chart import library

    library()
    return value


plot_option = click.option(
    "--plot", metavar="FILE", callback=_check_plot, help="Also draw a chart to FILE.svg, .pdf, .png or .html."
)

VALUES = click.option(
    "--value",
    "values",
    metavar="NAME=NUMBER",
    multiple=True,
    help="The value of an input that is one number, of an ONNX model or a program, such as sr=16000.",
)

SIZE = "Input size: 160 or 160x128, with channels 3x160x128, with a batch 8x3x160x128, or NAME=SIZE,NAME=SIZE."
WIDTH = "Width multiplier: channels times FACTOR, by the file's rule."
BATCH = "Batch size."
RANGES = "; lists (%s) and ranges (%s, both ends included, in steps of 1 by default) are compared."
LISTS = {"size": ("96,128", "96:320:32"), "width": ("0.5,0.75", "0.25:1:0.25")}
"""A list and a range for an option; others are of batches."""


def _option(name: str, dest: str, metavar: str, text: str, **more: Any) -> tuple[Decorator, Decorator]:
    """Return an option twice: of one value, and of lists and ranges."""
    one = click.option(name, dest, metavar=metavar, help=text, **more)
    several = text.removesuffix(".") + RANGES % LISTS.get(dest, ("1,8", "8:64:8"))
    return one, click.option(name, dest, metavar=f"{metavar},…", help=several)


(_SIZE, _SIZES), (_WIDTH, _WIDTHS) = (
    _option("--input", "size", "SIZE", SIZE),
    _option("--width", "width", "FACTOR", WIDTH),
)
_BATCH, _ = _option("--batch", "batch", "N", BATCH, type=int)
_, BATCHES = _option("--batch", "batches", "N", BATCH)

_CHANGES: Sequence[Decorator] = (
    click.option("--variant", metavar="NAME", help="The variant of the file to use."),
    click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override a setting (defaults.padding=same, layers.3.kernel_size=5) or a layer's field.",
    ),
    click.option("--allow-unknown", is_flag=True, help="Skip unsupported operators; totals become lower bounds."),
    VALUES,
    click.option(
        "--precision",
        metavar="BITS",
        help="Bits of the numbers: int8, or weights=4,activations=8, then ;PATH:BITS for some layers.",
    ),
)
TRAINING_OPTION: Decorator = click.option(
    "--training", is_flag=True, help="Count a step of training: forward pass and gradients."
)
TRAINING_OPTIONS: Sequence[Decorator] = (
    click.option(
        "--freeze",
        metavar="PATTERN",
        multiple=True,
        help="Layers that are not trained, in training, repeatable; !PATTERN takes back: --freeze '*' --freeze '!fc'.",
    ),
    click.option(
        "--lora",
        metavar="rank=N,layers=PATTERN,…",
        help="Adapters beside layers, in training; all else is frozen, but what --freeze '!PATTERN' takes back.",
    ),
    click.option(
        "--checkpoint",
        metavar="PATTERN",
        multiple=True,
        help="Blocks that keep their inputs alone and are computed again, in training, such as 'stage3.*'.",
    ),
    click.option(
        "--optimizer",
        metavar="NAME",
        help=f"Whose state is in optimizer_bytes, in training: {', '.join(OPTIMIZERS)} (default: {DEFAULT}).",
    ),
    click.option(
        "--loss-from",
        metavar="OUTPUT",
        multiple=True,
        help="Where gradients start, in training (default: every output).",
    ),
)
_TRAINING = (TRAINING_OPTION, *TRAINING_OPTIONS)
NETWORK: Sequence[Decorator] = (_SIZE, _WIDTH, _BATCH, *_CHANGES, *_TRAINING)
SEVERAL: Sequence[Decorator] = (_SIZES, _WIDTHS, BATCHES, *_CHANGES, *_TRAINING)

SORT = click.option(
    "--sort", metavar="COLUMN", help="Sort by a column, numbers from the largest; -COLUMN the other way round."
)

SEED = click.option("--seed", type=click.IntRange(0), metavar="N", help="Random seed of --sample (default: 0).")

METRICS_OPTION = click.option("--metrics", metavar="A,B,…", help=f"Also show these metrics: {', '.join(METRICS)}.")

COUNTED: Sequence[Decorator] = (
    click.option(
        "--convention",
        "counts",
        metavar="NAME",
        default="macs",
        shell_complete=complete_convention,
        help="What to count: macs, thop, fvcore … (see flopcount conventions), or my.toml.",
    ),
    click.option(
        "--params",
        type=Named(POLICIES, _POLICIES_ALIKE),
        help="Parameters to count (default: the convention's choice, else trainable).",
    ),
    click.option("--from", "notation", type=click.Choice(("toml", "json")), help="Notation of standard input."),
)
ON = click.option(
    "--on",
    metavar="DEVICE",
    shell_complete=complete_device,
    help="Also show the least time on a device (see flopcount hardware, or my.toml), or cycles: array:32x32:ws.",
)

reconciled_options = typed("options", Options, *NETWORK, COUNTED[0], COUNTED[2])
"""Add the options that determine the network, and the convention to start from."""

count_options = typed("options", Options, *NETWORK, *COUNTED, METRICS_OPTION)
"""Add the options that determine the numbers: the network, and what is counted."""

device_options = typed("options", Options, *NETWORK, *COUNTED, METRICS_OPTION, ON)
"""The same, and a device."""

whatif_options = typed("options", Options, _SIZES, _WIDTHS, _BATCH, *_CHANGES, *_TRAINING, *COUNTED, METRICS_OPTION)
"""The same, with lists and ranges of inputs and widths."""

grid_options = typed("options", Options, *SEVERAL, *COUNTED)
"""Add the options that determine the numbers of a grid, whose batch may be a list or a range."""

sweep_options = typed("options", Options, *SEVERAL, *COUNTED, METRICS_OPTION)
"""Add what decides on the numbers of a grid, and which are shown."""
