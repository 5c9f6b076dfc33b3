"""Protocol buffers in their text format, as `.prototxt` files have them: names, values, and messages in braces."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flopcount.importers.foreign import ImportProblem

DEEPEST = 32
"""Messages nested deeper than this are refused."""

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*|,|;)+)|(?P<mark>[{}<>:\[\]])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[^\s{}<>:\[\]"'\#,;]+)"""
)


class Message(NamedTuple):
    """Fields by name, each with all of its values in the order of the text."""

    fields: dict[str, list["str | Message"]]
    line: int

    def messages(self, name: str) -> list["Message"]:
        """Return the values of a field that are messages."""
        return [value for value in self.fields.get(name, []) if isinstance(value, Message)]

    def message(self, name: str) -> "Message":
        """Return the last message of a field; an empty one where there is none."""
        return next(reversed(self.messages(name)), Message({}, self.line))

    def words(self, name: str) -> list[str]:
        """Return the values of a field that are words, numbers or texts."""
        return [value for value in self.fields.get(name, []) if isinstance(value, str)]

    def word(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next(reversed(self.words(name)), default)


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool = False


def parsed(path: Path, text: str) -> Message:
    """Parse a text."""
    tokens = _tokens(path, text)
    message, closed = _message(path, tokens, 1, 0)
    if closed:
        raise ImportProblem(path, f"line {closed.line}: {closed.text} closes nothing")
    return message


def _tokens(path: Path, text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ImportProblem(
                path, f"line {line}: {text[place : place + 20].split(maxsplit=1)[0]!r} begins a text that does not end"
            )
        part = found.group()
        if found.lastgroup == "text":
            yield _Token(part[1:-1], line, quoted=True)
        elif found.lastgroup != "space":
            yield _Token(part, line)
        line += part.count("\n")
        place = found.end()


def _message(path: Path, tokens: Iterator[_Token], line: int, depth: int) -> tuple[Message, _Token | None]:
    """Read fields up to the brace that closes the message, or to the end of the text."""
    if depth > DEEPEST:
        raise ImportProblem(path, f"line {line}: nested too deep; {DEEPEST} levels are the most")
    message = Message({}, line)
    for token in tokens:
        if token.text in {"}", ">"} and not token.quoted:
            return message, token
        if token.quoted or token.text in {"{", "<", ":", "[", "]"}:
            raise ImportProblem(path, f"line {token.line}: {token.text[:30]!r} stands where the name of a field should")
        message.fields.setdefault(token.text, []).extend(_values(path, tokens, token, depth))
    if depth:
        raise ImportProblem(path, f"line {line}: the message that begins here is not closed; the file is cut off")
    return message, None


def _values(path: Path, tokens: Iterator[_Token], name: _Token, depth: int) -> list[str | Message]:
    token = _next(path, tokens, name)
    if token.text == ":" and not token.quoted:
        token = _next(path, tokens, name)
    if token.text == "[" and not token.quoted:
        return _several(path, tokens, name, depth)
    return [_value(path, tokens, token, depth)]


def _several(path: Path, tokens: Iterator[_Token], name: _Token, depth: int) -> list[str | Message]:
    values: list[str | Message] = []
    while (token := _next(path, tokens, name)).text != "]" or token.quoted:
        values.append(_value(path, tokens, token, depth))
    return values


def _value(path: Path, tokens: Iterator[_Token], token: _Token, depth: int) -> str | Message:
    if token.quoted or token.text not in {"{", "<", "}", ">", ":", "[", "]"}:
        return token.text
    if token.text not in {"{", "<"}:
        raise ImportProblem(path, f"line {token.line}: {token.text!r} stands where a value should")
    message, closed = _message(path, tokens, token.line, depth + 1)
    if closed is None or closed.text != {"{": "}", "<": ">"}[token.text]:
        raise ImportProblem(path, f"line {token.line}: the message that begins here is not closed")
    return message


def _next(path: Path, tokens: Iterator[_Token], name: _Token) -> _Token:
    token = next(tokens, None)
    if token is None:
        raise ImportProblem(path, f"line {name.line}: {name.text[:30]} has no value; the file is cut off")
    return token
