"""From the words of a command line and the table of a file to a network and its axes."""

from collections.abc import Iterable

from flopcount.analyses.spaces.declared import declared, spread
from flopcount.analyses.sweeps.axes import Axis, axis, is_several, setting_axis, words
from flopcount.analyses.sweeps.candidates import Space
from flopcount.cli.loading import Options, loaded
from flopcount.errors import UsageError
from flopcount.files.settings import Setting, setting
from flopcount.files.specs import Spec


def grid(arch: str, options: Options) -> Space:
    """Load a network and tell axes from what is fixed; what the options say goes before what the file declares."""
    settings = [setting(text) for text in options.settings]
    varied = [each for each in settings if _varies(each)]
    fixed = [each for each in settings if each not in varied]
    width, size = (None if text and is_several(text) else text for text in (options.width, options.size))
    is_open = options.size is not None and size is None
    spec = _loaded(arch, options._replace(size=size, batch=None if is_open else options.batch), fixed, options.size)
    if spec.unknown:
        raise UsageError("--allow-unknown leaves operators out, and a grid has no place to say so; count one network")
    said = [*_option_axes(options), *map(setting_axis, varied)]
    named = {each.name for each in said} | {each.address for each in fixed} | _given(options)
    axes = [each for each in spread(spec.arch, declared(spec.arch)) if each.name not in named]
    axes = [*spread(spec.arch, said), *axes]
    if not axes:
        raise UsageError("nothing varies; give a list or a range, such as --input 96:320:32 or --width 0.5,0.75,1")
    size, batch = (None, None) if spec.sized and not is_open else (size, options.batch)
    return Space(spec, tuple(axes), options.convention, size, width, batch)


def _loaded(arch: str, options: Options, fixed: Iterable[Setting], sizes: str | None) -> Spec:
    """Load a network; a model whose sizes are open is read at the first of those that are listed."""
    try:
        return loaded(arch, options, fixed)
    except UsageError:
        if options.size is not None or not sizes:
            raise
        return loaded(arch, options._replace(size=sizes.replace(":", ",").partition(",")[0]), fixed)


def _given(options: Options) -> set[str]:
    return {name for name, text in (("input", options.size), ("width", options.width)) if text}


def _varies(each: Setting) -> bool:
    return len(each.values) > 1 or (isinstance(each.value, str) and ":" in each.value)


def _option_axes(options: Options) -> Iterable[Axis]:
    """Make axes of --input and --width, in this order; sizes such as 160x128 are a list of words."""
    if options.size and is_several(options.size):
        is_words = "x" in options.size.lower() or "×" in options.size
        option, parts = f"--input {options.size}", tuple(part.strip() for part in options.size.split(","))
        yield words("input", option, parts) if is_words else axis("input", option, options.size)
    if options.width and is_several(options.width):
        yield axis("width", f"--width {options.width}", options.width)
