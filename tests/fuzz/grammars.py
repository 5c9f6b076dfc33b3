"""Grammars of what users write: arch files, projects, conventions, expressions and command lines.

Files follow the JSON Schemas that flopcount publishes and the samples of the tests of formulas, so that a new kind or
key is tried at once. Half of the files and command lines are as good as that makes them; the others are spoiled here
and there.
"""

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import click
from mutate import HOSTILE

from flopcount.cli.main import COMMANDS, _command
from flopcount.network.convention import ENTRIES, _file_model, mac_conventions
from flopcount.spec.budget import LockRow
from flopcount.spec.json_schema import arch_schema, configuration_schema
from flopcount.spec.kinds import KINDS

sys.path.append(str(Path(__file__).parents[1] / "formulas"))
from formula_samples import SAMPLES
from sampling import Fixed

OUTSIDE = frozenset({"--workers", "--scheduler"})
"""Options that start or need other processes, on which a case has no limits."""

POOLS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
ANY = {name: text.split("|" if name == "forms" else None) for name, text in POOLS["any"].items()}
NUMBERS = (1, 2, 4, 1, 2, 8, 3, 16, 1, 2, 4, 12, 5)
FIRST = [
    (kind, each)
    for kind, samples in SAMPLES.items()
    for each in samples
    if not any(shape.channel_axis for shape in each.inputs)
]
"""Layers with inputs that a file can have."""

SLOW = {"archs", "schema", "kinds", "conventions"}
"""Commands that read no file of the user."""

FAST = [*(each for each in COMMANDS if each not in SLOW), *["count"] * 4]
GRIDS = {"sweep", "space", "whatif"}
ARCH_ONLY = {"--variant", "--set", "--width", "--from"}
NEEDED = {"whatif": ("--to", "DepthSepConv"), "reconcile": ("--to", "thop")}
NEEDED |= dict.fromkeys(("sweep", "space"), ("--input", "8,16"))
SMALL = {"input": [4, 8, 8], "layers": [{"type": "Conv", "out_channels": 4, "kernel_size": 3}, {"type": "BatchNorm"}]}


@cache
def schema(which: str) -> Any:
    """Return a JSON Schema."""
    own: Mapping[str, Any] = {"arch": arch_schema, "config": configuration_schema}
    models: Mapping[str, Any] = {"lock": LockRow, "convention": _file_model(tuple(mac_conventions()))}
    return own[which]() if which in own else models[which].model_json_schema()


@cache
def options(command: str) -> Sequence[click.Option]:
    """Return the options of a command."""
    return [each for each in _command(command).params if isinstance(each, click.Option)]


class Writer:
    """Draws values; a share of them, in percent, is not what it should be."""

    def __init__(self, random: Random, which: str = "arch") -> None:
        self.random, self.whole = random, schema(which)
        self.pick = random.choice
        self.percent = self.pick((0, 0, 0, 0, 2, 8))

    def chance(self, percent: float) -> bool:
        """Draw whether something happens."""
        return self.random.random() * 100 < percent

    @property
    def spoils(self) -> bool:
        """Draw whether the next value is a bad one."""
        return self.chance(self.percent)

    def expression(self, names: str = "expression", depth: int = 2) -> str:
        """Draw an expression of a template or a condition."""
        if depth == 0 or self.chance(30):
            return str(self.pick(HOSTILE if self.spoils else ANY[names]))
        one, other = (self.expression(names, depth - 1) for _ in "12")
        sign = f" {self.pick(ANY['signs'] if self.spoils else ANY['signs'][:8])} "
        called = self.pick(("max", "min", "divisible", "ceil_div")), self.pick(("round", "ceil", "floor"))
        return str(self.pick(ANY["forms"])).format(one, other, sign, *called)

    def value(self, node: Any, key: str = "", depth: int = 0) -> Any:
        """Draw a value of a node of the schema."""
        while "$ref" in node:
            node = self.whole["$defs"][node["$ref"].rpartition("/")[2]]
        if self.spoils or depth > 12:
            return self.pick(HOSTILE)
        if "const" in node:
            return node["const"]
        if choices := node.get("enum"):
            return self.pick(choices)
        if choices := node.get("anyOf"):
            return self.value(self.pick(choices), key, depth)
        kind = node.get("type", "string")
        kind = self.pick(kind) if isinstance(kind, list) else kind
        if kind in {"array", "object"}:
            return (self._array if kind == "array" else self._object)(node, key, depth + 1)
        return self._plain(kind, node, key)

    def _plain(self, kind: str, node: Any, key: str) -> Any:
        if kind == "string":
            good = POOLS["keys"].get(key, "").split() or ANY["names" if "pattern" in node else "words"]
            return self.pick(ANY["words"] if self.spoils else good)
        least, most = node.get("minimum", 0), node.get("maximum", 100)
        whole = self.pick((least - 1, most, most + 1)) if self.spoils else min(max(self.pick(NUMBERS), least), most)
        return {"boolean": self.chance(50), "number": self.pick((0.5, 1, 2, 0.25, 1e9)), "integer": whole}.get(kind)

    def _array(self, node: Any, key: str, depth: int) -> list[Any]:
        items = node.get("items", {})
        if str(items.get("$ref", "")).endswith(("row", "layer")):
            return self.layers(depth)
        return [self.value(items, key, depth) for _ in range(node.get("minItems", 0) + self.random.randrange(3))]

    def _object(self, node: Any, key: str, depth: int) -> dict[str, Any]:
        known, names = node.get("properties", {}), [*node.get("required", ())]
        names += self.random.choices([*known], k=self.random.randrange(4)) if known else []
        found = {name: self.value(known[name], name, depth) for name in names if name in known and name != "after"}
        free = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), None)
        keys = {"kinds": [*KINDS], "weights": [*ENTRIES], "notes": [*ENTRIES]}.get(key, ANY["names"])
        for _ in range(self.random.randrange(3) if free else self.spoils):
            found[self.pick(keys)] = self.value(free or {}, key, depth)
        return found

    def layers(self, depth: int = 0, first: Sequence[Any] = ()) -> list[Any]:
        """Draw the rows of a network, a block or a template; some read others than the row above."""
        rows = [*first, *(self._row(depth) for _ in range(self.random.randrange(4) + (not first)))]
        for at, row in enumerate(rows if self.chance(40) else ()):
            if isinstance(row, dict):
                row["name"] = f"l{at}"
                if at > 1 and self.chance(30):
                    several = row.get("type") in ("Add", "Concat")
                    row["after"] = [f"l{self.random.randrange(at)}" for _ in range(1 + several)]
        return rows

    def _row(self, depth: int) -> Any:
        kind = self.pick((*KINDS, "Block") if self.chance(15 + 4 * self.percent) else ANY["easy"])
        kind = "Identity" if depth > 6 and kind in {"Block", "t", "u"} else "u" if depth > 3 and kind == "t" else kind
        if kind in {"t", "u"}:
            return {"type": kind, **{self.pick("nr"): self.pick(NUMBERS) for _ in range(self.random.randrange(3))}}
        if kind == "Block":
            often = self.pick((1, 2, 3, 20) if self.chance(99.7) else (1000, 99_000))
            return {"type": kind, "repeat": often, "layers": self.layers(depth + 2)}
        node = self.whole["$defs"][kind]
        known = node["properties"]
        row = self.value({**node, "required": [key for key in known if "default" not in known[key]]}, kind, depth)
        if isinstance(row, dict) and depth > 3 and self.chance(40):
            row[self.pick(("when", "out_channels")) if "out_channels" in row else "when"] = self.expression()
        return {"type": kind, **row} if isinstance(row, dict) else row

    def arch(self) -> dict[str, Any]:
        """Draw an arch file: a layer on an input that suits it, others, and a few of the other keys."""
        kind, sample = self.pick(FIRST)
        inputs = {name: [*shape.dims] for name, shape in zip("abcdefgh", sample.inputs, strict=False)}
        first = {"type": kind, **{name: _in_file(each) for name, each in sample.options.items()}}
        found: dict[str, Any] = {"input": inputs if len(inputs) > 1 else inputs.get("a", [4, 8, 8])}
        first |= {"after": [*inputs]} if len(inputs) > 1 else {}
        if self.chance(20) and (numbers := [name for name, each in first.items() if isinstance(each, int)]):
            first[self.pick(numbers)] = self.pick((*NUMBERS, 0, 10**9))
        for key in {self.pick([*self.whole["properties"]]) for _ in range(self.random.randrange(3))}:
            found |= {} if key in {"input", "layers"} else {key: self.value(self.whole["properties"][key], key)}
        found["arguments"] = {"n": self.pick(NUMBERS), "r": self.pick((2, "n * 2"))}
        inner = {name: {"n": 4, "r": self.pick((2, "n // 2"))} for name in "tu"}
        rows = {"t": self.layers(4), "u": self.layers(7)}
        found["templates"] = {name: {"arguments": inner[name], "layers": rows[name]} for name in "tu"}
        found["variants"] = {"v": {"arguments": {"n": self.pick(NUMBERS)}}}
        if self.chance(20):
            axis = self.pick(("input", "width", "n", "l0.out_channels", "batch"))
            found["space"] = {axis: self.pick(([4, 8], "4:16:4", "1:9"))}
        return {**found, "layers": self.layers(0, [first])}

    def file(self, data: Mapping[str, Any]) -> tuple[str, bytes]:
        """Write a file in TOML or JSON; return its ending too."""
        return ("json", json.dumps(data).encode()) if self.chance(50) else ("toml", toml(data))

    def line(self, files: Sequence[str], among: Sequence[str] = ()) -> tuple[str, ...]:
        """Draw a command line about some files."""
        command = self.pick(among or ([*COMMANDS] if self.chance(1) else FAST))
        foreign = not files[0].endswith((".toml", ".json")) and not self.spoils
        words = [command]
        known = options(command)
        for option in self.random.choices(known, k=self.random.randrange(4)) if known else ():
            words += [] if foreign and option.opts[-1] in ARCH_ONLY else self._option(command, option)
        words += NEEDED.get(command, ())
        if foreign and self.chance(40) and any("--allow-unknown" in each.opts for each in options(command)):
            words.append("--allow-unknown")
        bare = command in SLOW or (among and command in {"check", "lock"} and self.chance(60))
        words += [] if bare else [self.pick(files) for _ in range(1 + (command in {"diff", "compare"}))]
        if command == "formula" and self.chance(30):
            words[-1] = self.pick([*KINDS])
        if self.spoils:
            odd = self.pick((*ANY["words"], "--", "-", "--x", "", "\udcff", "-h", *KINDS))
            words.insert(self.random.randrange(1, len(words) + 1), odd)
        return tuple(words)

    def _option(self, command: str, option: click.Option) -> list[str]:
        flag = option.opts[-1]
        if flag in OUTSIDE:
            return []
        if option.is_flag or (flag == "--plot" and not self.chance(3)):
            return [option.opts[0]] if option.is_flag else []
        if flag == "--where":
            return [flag, self.expression("condition", 3)]
        if isinstance(option.type, click.Choice) and not self.spoils:
            return [flag, str(self.pick([*option.type.choices]))]
        name = "formats" if command in {"check", "lock"} and flag == "--format" else flag
        good, bad = (part.split() for part in POOLS["options"].get(name, "a | b").split("|"))
        single = [each for each in good if command in GRIDS or not {",", ":"} & {*each}]
        return [flag, self.pick((*good, *bad, *ANY["words"], "") if self.spoils else single or good)]


def _in_file(each: Any) -> Any:
    """Return an option of a sample as files have it."""
    if isinstance(each, tuple):
        return [_in_file(one) for one in each]
    return each.value if isinstance(each, Fixed) else each


def toml(data: Mapping[str, Any]) -> bytes:
    """Write TOML: a line for each key."""
    return "".join(f"{_key(key)} = {_toml(each)}\n" for key, each in data.items()).encode(errors="replace")


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key)


def _toml(each: Any) -> str:
    if isinstance(each, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(inner)}' for key, inner in each.items() if inner is not None)} }}"
    if isinstance(each, list):
        return f"[{', '.join(_toml(inner) for inner in each if inner is not None)}]"
    return json.dumps("none" if each is None else each)


def project(random: Random) -> dict[str, bytes]:
    """Draw the files of a project: a configuration, perhaps a lock file, a network."""
    writer, locks = Writer(random, "config"), Writer(random, "lock")
    ending, content = writer.file(SMALL if writer.chance(70) else Writer(random).arch())
    config = writer.value(writer.whole)
    found = {f"a.{ending}": content}
    if isinstance(config, dict):
        found["flopcount.toml"] = toml({"files": ["a.*"], **config})
    if writer.chance(30):
        rows = [locks.value(locks.whole) for _ in range(random.randrange(1, 4))]
        rows = [{**each, "id": f"a.{ending}"} if isinstance(each, dict) else each for each in rows]
        found["flopcount.lock"] = toml({"version": 1, "networks": rows})
    return found


def convention(random: Random) -> bytes:
    """Draw a file of a convention."""
    writer = Writer(random, "convention")
    data = writer.value(writer.whole)
    data = data if isinstance(data, dict) else {"weights": data}
    return toml({"conventions": {"a": data}} if writer.chance(10) else data)
