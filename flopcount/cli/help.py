"""Help pages and the man page, from one source: the commands, their options, and examples that a test runs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import NamedTuple

import click

from flopcount.errors import by_word, plain

SECTIONS: Mapping[str, str] = {
    "Rows and columns": "--depth --by --where --sort --top --columns --parts --standard --all --pareto --join",
    "Network": "--input --width --variant --batch --set --value --allow-unknown --from",
    "Training": "--training --freeze --loss-from --lora --checkpoint --optimizer",
    "Counting": "--convention --params --metrics --on",
    "Limits": "--max-*",
    "Output": "--format --output --exact-numbers --unit --plot --graph --latex --save",
    "Help": "-h --help --version",
}
"""The options of each section; others are the command's own, and come first."""

FOLDED = ("Network", "Training", "Counting")
"""Sections of which the short page of a command gives only the names; that of `count` has them in full."""

EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "": {
        "flopcount model.onnx --depth 1": "the blocks of a model of your own",
        "flopcount compare resnet18 mobilenet_v2": "two networks side by side",
        "flopcount check model.onnx --max-macs 600M": "fail if a model costs too much",
    },
    "count": {
        "flopcount model.onnx --depth 1": "Sum the layers of each block",
        "flopcount resnet18 --sort macs --top 8": "Show the largest layers",
        "flopcount mobilenet_v2 --input 160 --width 0.5 -o layers.csv": "Count at another input and width, as CSV",
    },
    "memory": {
        "flopcount memory mobilenet_v2 --input 144 --width 0.35 --precision int8": "Show what is alive, and the peak",
        "flopcount memory unet --reorder": "Find the order with the least peak",
        "flopcount memory mobilenet_v2 --patch 2x2:stage2.2.add": "Run the first layers patch by patch",
    },
    "report": {
        "flopcount report model.onnx -o report.html": "Show where the cost goes",
        "flopcount report resnet18 resnet34 --on a100 -o report.html": "Compare two networks, also on a device",
    },
    "formula": {
        "flopcount formula DepthSepConv --over Conv": "Show what a depthwise-separable convolution saves",
        "flopcount formula resnet18": "Write the cost of a network in its resolution",
        "flopcount formula HetConv --pattern 6x4 -p 3": "Draw which kernels are k×k",
    },
    "import": {
        "flopcount import model.onnx -o model.toml": "Write a model as an arch file",
        "flopcount import model.onnx -o layers.csv": "Write a model as a SCALE-Sim topology",
        "flopcount import net.toml -o net.json": "Convert an arch file to JSON",
    },
    "compare": {
        "flopcount compare resnet18 mobilenet_v2 --input 160": "Compare bundled networks at one input",
        "flopcount compare archs model.onnx": "Compare the networks in a folder with a model",
        "flopcount compare 'archs/*.toml' --metrics flops": "Show FLOPs too",
    },
    "diff": {
        "flopcount diff resnet18 resnet34": "Show what one network has that the other has not",
        "flopcount diff HEAD:archs/net.toml archs/net.toml": "Show what changed since the last commit",
    },
    "whatif": {
        "flopcount whatif resnet18 --to DepthSepConv": "Replace every convolution",
        "flopcount whatif resnet18 --to GhostConv --where 'path~\"layer4.*\"'": "Replace some, chosen by path",
        "flopcount whatif mobilenet_v2 --width 1,0.75,0.5 --input 128:224:32": "Compare widths and inputs",
    },
    "reconcile": {
        "flopcount reconcile resnet50 --with thop=4133742592": "Explain the number that thop prints",
        "flopcount reconcile resnet50 --with 8.21G": "Find out where a number comes from",
    },
    "sweep": {
        "flopcount sweep mobilenet_v2 --input 96:224:32 --width 0.5:1:0.25": "Count every combination",
        "flopcount sweep mobilenet_v2 --width 0.5:1:0.05 --where 'macs <= 200M' -o rows.csv": "Write the matches",
        "flopcount sweep resnet18 --input 160:224:32 --join accuracy.csv --pareto macs,-accuracy": "Keep the front",
    },
    "space": {
        "flopcount space mobilenet_v2 --input 96:224:32 --width 0.5:1:0.05 --where 'macs <= 100M'": "Count the matches",
        "flopcount space mobilenet_v2 --input 96:224:32 --where 'macs <= 200M' --sample 3": "Draw three of them",
    },
    "init": {
        "flopcount init": "Write limits for the networks in this folder, 10% above today's cost",
        "flopcount init archs --margin 5% -o -": "Print limits that are closer, for a folder",
    },
    "check": {
        "flopcount check model.onnx --max-macs 600M --max-params 5M": "Try limits",
        "flopcount check": "Check every network of flopcount.toml",
        "flopcount check archs --format github --format html=limits.html": "Annotate, and write a page",
    },
    "lock": {
        "flopcount lock": "Record what every network of flopcount.toml costs",
        "flopcount lock --check": "Fail if one of them changed",
    },
    "verify": {
        "flopcount verify resnet50": "Recompute the published figures of a network",
        "flopcount verify --errata": "Show published figures that are known to be wrong",
    },
    "archs": {
        "flopcount archs 'mobilenet*'": "List networks by name",
        "flopcount archs --sort -macs --top 5": "Show the five that cost least",
    },
    "kinds": {
        "flopcount kinds DepthSepConv": "Show a kind of layer, with a row to copy",
        "flopcount kinds": "List the kinds",
    },
    "conventions": {
        "flopcount conventions thop": "Show what thop counts",
        "flopcount conventions": "List the conventions",
    },
    "hardware": {
        "flopcount hardware": "List the devices",
        "flopcount hardware a100": "Show the numbers of one, each with its source",
    },
    "schema": {
        "flopcount schema -o arch.schema.json": "Write the schema of arch files",
        "flopcount schema --of config": "Print the schema of flopcount.toml",
    },
    "completion": {
        "flopcount completion bash > flopcount.bash": "Write the script that ~/.bashrc sources",
        "flopcount completion fish > flopcount.fish": "Write the file for ~/.config/fish/completions",
    },
    "man": {
        "flopcount man > flopcount.1": "Write the page; man ./flopcount.1 shows it",
        "flopcount man sweep": "Print the page of one command",
    },
}
"""Command lines for every command, and what each does."""


class Page(NamedTuple):
    """What is said about a command: names and texts by section."""

    name: str
    usage: str
    paragraphs: Sequence[str]
    sections: Mapping[str, Sequence[tuple[str, str]]]
    examples: Mapping[str, str]
    last: str = ""
    is_first: bool = False


class Documented(click.Command):
    """A command with a short page (-h) and a full one (--help)."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, the two options for help last."""
        del ctx
        return [*self.params, _helping("-h", "Show a short page."), _helping("--help", "Show the full page.")]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; one too many is answered with the command or the option it is for."""
        is_group = isinstance(self, click.Group)
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not is_group and not ctx.resilient_parsing:
            hint = BEYOND.get(str(ctx.info_name), "leave it out")
            raise click.UsageError(f"{plain(rest[0][:200])}: one argument too many; {hint}", ctx)
        return rest

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the short page, as for a command line without arguments."""
        write(self.page(ctx, full=False), formatter)

    def page(self, ctx: click.Context, *, full: bool) -> Page:
        """Return the page of this command."""
        paragraphs = [" ".join(each.split()) for each in (self.help or "").split("\n\n")]
        name, examples = str(ctx.info_name), EXAMPLES[str(ctx.info_name)]
        usage = " ".join(self.collect_usage_pieces(ctx))
        if full:
            return Page(ctx.command_path, usage, paragraphs, dict(_sections(self, ctx)), examples)
        shown: dict[str, list[tuple[str, str]]] = {}
        folded: dict[str, list[tuple[str, str]]] = {}
        for title, rows in _sections(self, ctx):
            if title == "Help":
                continue
            kept = FOLDED if name != "count" else ()
            (folded if title in kept else shown)[title] = [(names, _brief(text)) for names, text in rows]
        if folded:
            names = {title: " ".join(names.split()[0] for names, _ in rows) for title, rows in folded.items()}
            shown["More options"] = [*names.items()]
        return Page(ctx.command_path, usage, paragraphs[:1], shown, dict.fromkeys(examples, ""), _more(ctx))


def _more(ctx: click.Context) -> str:
    return f"{ctx.command_path} --help explains every option."


def _helping(name: str, text: str) -> click.Option:
    """Return an option that shows a page."""

    def show(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  (click's signature)
        command = ctx.command
        if value and not ctx.resilient_parsing and isinstance(command, Documented):
            formatter = ctx.make_formatter()
            write(command.page(ctx, full=name == "--help"), formatter)
            click.echo(formatter.getvalue(), nl=False)
            ctx.exit()

    return click.Option([name], is_flag=True, is_eager=True, expose_value=False, callback=show, help=text)


def _sections(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the options of a command by section, its own first."""
    found: dict[str, list[tuple[str, str]]] = {"Options": [], **{title: [] for title in SECTIONS}}
    for each in command.get_params(ctx):
        if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
            found[section_of(each)].append(record)
    return ((title, rows) for title, rows in found.items() if rows)


def section_of(option: click.Parameter) -> str:
    """Return the section of an option."""
    names = {*option.opts, *("--max-*" for name in option.opts if name.startswith("--max-"))}
    return next((title for title, listed in SECTIONS.items() if names & {*listed.split()}), "Options")


def _brief(text: str) -> str:
    """Return the beginning of a help text: what comes before examples, details and defaults."""
    return re.split(r"[:;.(]\s|\s\(|\s{2}\[|\.$", text, maxsplit=1)[0]


def write(page: Page, formatter: click.HelpFormatter) -> None:
    """Write a page for a terminal; the first screen without blank lines between its sections."""
    formatter.write_usage(page.name, page.usage)
    for paragraph in page.paragraphs:
        formatter.write_paragraph()
        formatter.write_text(paragraph)
    for title, rows in page.sections.items():
        formatter.write("" if page.is_first and title != next(iter(page.sections)) else "\n")
        formatter.write(f"{title}:\n")
        with formatter.indentation():
            formatter.write_dl(rows, col_max=26)
    formatter.write(f"{'' if page.is_first else chr(10)}Examples:\n")
    for line, about in page.examples.items():
        formatter.write("".join(f"  # {part}\n" for part in wrap(about, formatter.width - 4)))
        formatter.write(f"{continued(line, formatter.width)}\n")
    if page.last:
        formatter.write_paragraph()
        formatter.write_text(page.last)


def continued(line: str, width: int) -> str:
    """Break a command line between its words, as a shell takes it."""
    words = re.findall(r"(?:'[^']*'|\S)+", line)
    glued = " ".join(word.replace(" ", "\0") for word in words)
    lines = wrap(glued, width - 6, break_long_words=False, break_on_hyphens=False)
    return "  " + " \\\n    ".join(each.replace("\0", " ") for each in lines)


def man(pages: Sequence[Page], version: str) -> str:
    """Return pages as one manual page, in roff."""
    first = pages[0]
    name = first.name.replace(" ", "-")
    lines = [
        f".TH {name.upper()} 1 '' 'flopcount {version}'",
        ".SH NAME",
        f"{name} \\- {_roff(first.paragraphs[0])}",
        ".SH SYNOPSIS",
        f".B {first.name}",
        _roff(first.usage),
    ]
    return "\n".join([*lines, *(line for page in pages for line in _manual(page, is_first=page is first)), ""])


def _manual(page: Page, *, is_first: bool) -> Iterator[str]:
    """Yield the lines of one command in roff."""
    head = ".SH DESCRIPTION" if is_first else f".SH {_roff(page.name.upper())}"
    yield from (head, *(() if is_first else (f".B {page.name}", _roff(page.usage))))
    for paragraph in page.paragraphs:
        yield from (".PP", _roff(paragraph))
    for title, rows in page.sections.items():
        yield f".SS {title}"
        for names, text in rows:
            yield from (".TP", f".B {_roff(names)}", _roff(text))
    yield ".SS Examples"
    for line, about in page.examples.items():
        yield from (".TP", f".B {_roff(line)}", _roff(about))


def _roff(text: str) -> str:
    """Escape what roff reads as a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


WORDS: Mapping[str, str] = by_word(
    {
        "flopcount archs lists the bundled networks": "list ls models networks zoo",
        "flopcount ARCH counts a network": "info show summary run profile flops macs params",
        "flopcount import MODEL -o arch.toml converts a model": "convert export",
        "flopcount kinds lists the kinds of layers": "layers ops types",
        "write flopcount --version": "version",
        "flopcount ARCH --plot FILE.svg draws, --graph dot shows the graph": "plot chart graph draw",
        "flopcount init writes limits, flopcount check checks them": "budget budgets limits lint test",
        "flopcount sweep counts every candidate of a grid": "search nas pareto grid",
        "flopcount reconcile explains the number of another counter": "explain why",
        "flopcount whatif shows other widths, inputs and convolutions": "scale replace",
        "flopcount conventions lists what each counter counts": "counters tools",
        "flopcount memory ARCH shows what is alive layer by layer": "ram arena peak",
        "flopcount downloads nothing; flopcount archs lists the bundled networks": "download install update",
    }
)
"""First words that are no commands, and what to write."""

BEYOND: Mapping[str, str] = {
    "count": "flopcount compare A B takes several networks",
    "import": "name the file to write with -o",
    "diff": "flopcount compare A B C takes several networks",
    "whatif": "flopcount compare A B takes several networks",
    "sweep": "flopcount compare A B takes several networks",
    "formula": "name one kind or network",
    "kinds": "name one kind",
}
"""What to do with an argument that a command does not take."""

_MEMORY = (
    "flopcount memory ARCH shows the peak, and --metrics peak,weight_bytes,traffic adds columns; "
    "limits are for flopcount check, as in --max-peak 256KiB"
)
_BITS = "write --precision int8, or --precision weights=4,activations=8"
_DEVICE = "nothing is run; --on a100 has the least time on a device (flopcount hardware lists them)"
_QUIET = "results go to standard output and notes to standard error: 2>/dev/null drops the notes"
_CACHE = (
    "past_length of MultiheadAttention is the tokens in a cache, as in flopcount gpt2 --input 1 --set arguments.past=9"
)
_TOKENS = "tokens are the spatial size of an input: write --input TOKENS"
_ROWS = "here --sort, --top and --by choose rows; flopcount sweep, space and whatif have --where"
_LIMIT = "limits are for flopcount check, as in flopcount check FILE --max-macs 5M"

INSTEAD: Mapping[str, str] = by_word(
    {
        _QUIET: "-q --quiet --silent",
        _TOKENS: "--tokens --seq --seq-len --seq-length --sequence-length --context --context-length --prompt",
        _CACHE: "--past --past-length --cache --cache-length --kv-cache --decode",
        _MEMORY: "--memory --peak-memory --ram --mem --vram --max-memory",
        _BITS: "--dtype --bits --fp16 --int8 --half --quantize",
        _LIMIT: "--max-params --max-macs --max-flops --max-weight-bytes",
        _ROWS: "--filter --layer --layers --exclude --include --only --ignore --where",
        "sweep -o FOLDER/ --scheduler spreads one over machines": "--shard",
        "sweep -o FOLDER/ goes on where it stopped": "--start --resume",
        "flopcount sweep has it: a front is one of candidates that are counted": "--pareto --join",
        "write --format json": "--json",
        "write --format csv": "--csv",
        "write --format markdown": "--markdown --md",
        "write --format latex": "--latex --tex",
        "write --format FORMAT": "-f",
        "write --version": "-V",
        "write --version; there is nothing more to tell about a run": "-v",
        "there is nothing more to tell; --parts shows the parts of layers": "--verbose --debug --report-missing",
        "NO_COLOR=1 turns colors off, FORCE_COLOR=1 turns them on": "--no-color --no-colors --color",
        "write --metrics flops: 1 MAC = 2 FLOPs": "--flops --gflops --mflops",
        "MACs are always shown; --unit G writes them in G": "--macs --gmacs --mult-adds",
        "write --input 224": "--input-size --resolution --res --size -i -s --image-size --img-size --imgsz --img",
        "write --input 3x224x224": "--input-shape --shape --dims",
        "write --batch 8": "--batch-size --bs -b",
        "write --width 0.5": "--width-mult --width-multiplier --alpha",
        "write --metrics activations": "--activations",
        "write --columns path,params": "--params-only",
        _DEVICE: "--device --cuda --gpu --cpu --backend --hardware --target",
        "nothing is run, so neither time nor energy is known; --on DEVICE has a lower bound of the time": (
            "--latency --time --fps --energy --speed"
        ),
        "flopcount ARCH --on DEVICE has it, flopcount compare too": "--on",
        "flopcount ARCH has it, as in flopcount resnet50 --metrics peak --sort peak --top 5": (
            "--sort --top --depth --by --columns --parts"
        ),
        "weights are not read: costs follow from shapes alone": "--pretrained --weights --checkpoint",
        "write its name without an option: flopcount resnet50": "--model --arch --file",
        "set a field of the last layer, as in --set fc.out_features=10": "--num-classes --classes",
        "flopcount import MODEL -o arch.toml writes an arch file": "--save --export",
        "write --depth 2": "--level --max-depth",
        "write --top 10": "--limit --head --first -n",
        "write --sort macs": "--sort-by --order-by",
        "write --by type": "--group-by --groupby",
        "an export has such options; its file is read as it is": "--opset --simplify --dynamic",
        "write --columns path,type,input,output,kernel,params,macs": "--col-names --row-settings --fields --verbosity",
        "layers are always shown; json and csv have exact numbers": "--print-per-layer-stat --as-strings --per-layer",
        "flopcount compare shows totals alone; --depth 1 sums by block": "--summary --total --totals --no-layers",
    }
)
"""Options of other tools, and what to write here."""
