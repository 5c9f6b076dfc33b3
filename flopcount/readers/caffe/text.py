"""The text format of protocol buffers, in which Caffe writes networks and solvers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from flopcount.errors import Refusal
from flopcount.spec.fields import LARGEST

DEEPEST = 32
"""Messages nested deeper than this are refused."""

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*|,|;)+)|(?P<mark>[{}<>:\[\]])"""
    r"""|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<word>[^\s{}<>:\[\]"'\#,;]+)"""
)


class TextMessage(NamedTuple):
    """Fields by name, each with all of its values in order."""

    fields: dict[str, list["str | TextMessage"]]
    line: int

    def messages(self, name: str) -> list["TextMessage"]:
        """Return the values of a field that are messages."""
        return [value for value in self.fields.get(name, []) if isinstance(value, TextMessage)]

    def message(self, name: str) -> "TextMessage":
        """Return the last message of a field, or an empty one."""
        return next(reversed(self.messages(name)), TextMessage({}, self.line))

    def words(self, name: str) -> list[str]:
        """Return the values of a field that are words, numbers or texts."""
        return [value for value in self.fields.get(name, []) if isinstance(value, str)]

    def word(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next(reversed(self.words(name)), default)

    def numbers(self, name: str) -> list[int]:
        """Return the values of a field that are integers."""
        found = self.words(name)
        for text in found:
            if not text.removeprefix("-").isdecimal() or not text.isascii() or abs(int(text[:12])) > LARGEST:
                raise Refusal(f"invalid {name} {text[:30]}: expected an integer up to 10⁹", line=self.line)
        return [int(text) for text in found]


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool = False

    def is_mark(self, marks: str) -> bool:
        return not self.quoted and self.text in {*marks}

    def refused(self, what: str) -> Refusal:
        return Refusal(f"{self.text[:30]!r} {what}", line=self.line)


def parsed(text: str) -> TextMessage:
    """Parse the text format of protocol buffers: names, values, and messages in braces."""
    message, closed = _message(_tokens(text), 1, 0)
    if closed:
        raise closed.refused("closes nothing")
    return message


def _tokens(text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _Token(text[place : place + 20].split(maxsplit=1)[0], line).refused("begins a text that does not end")
        part = found.group()
        if found.lastgroup == "text":
            yield _Token(part[1:-1], line, quoted=True)
        elif found.lastgroup != "space":
            yield _Token(part, line)
        line += part.count("\n")
        place = found.end()


def _message(tokens: Iterator[_Token], line: int, depth: int) -> tuple[TextMessage, _Token | None]:
    """Read fields up to the brace that closes the message, or to the end of the text."""
    if depth > DEEPEST:
        raise Refusal(f"messages are nested deeper than {DEEPEST} levels", line=line)
    message = TextMessage({}, line)
    for token in tokens:
        if token.is_mark("}>"):
            return message, token
        if token.quoted or token.is_mark("{<:[]"):
            raise token.refused("is not the name of a field")
        message.fields.setdefault(token.text, []).extend(_values(tokens, token, depth))
    if depth:
        raise Refusal("the message that begins here is not closed; the file is cut off", line=line)
    return message, None


def _values(tokens: Iterator[_Token], name: _Token, depth: int) -> Iterator[str | TextMessage]:
    token = _next(tokens, name)
    if token.is_mark(":"):
        token = _next(tokens, name)
    if not token.is_mark("["):
        yield _value(tokens, token, depth)
        return
    while not (token := _next(tokens, name)).is_mark("]"):
        yield _value(tokens, token, depth)


def _value(tokens: Iterator[_Token], token: _Token, depth: int) -> str | TextMessage:
    if not token.is_mark("{<}>:[]"):
        return token.text
    if not token.is_mark("{<"):
        raise token.refused("is not a value")
    message, closed = _message(tokens, token.line, depth + 1)
    if closed is None or closed.text != {"{": "}", "<": ">"}[token.text]:
        raise token.refused("begins a message that is not closed")
    return message


def _next(tokens: Iterator[_Token], name: _Token) -> _Token:
    for token in tokens:
        return token
    raise name.refused("has no value; the file is cut off")
