"""The small language in which rules say what they look for: words, a few joints, nothing that can run away.

    account code must be (specified|supplied)   one of several
    (the )?document                             perhaps
    authoriz*                                   a word that begins so
    {account}                                   one of a named list of words, `[words]` in the rule book
    tax rate ~ not found                        up to forty characters between, within one sentence
    contact ~~ archived                         up to a hundred and twenty
    {tax} <> {absent}                           both, in either order, as with ~
    more than #                                 a number
    re ?connect                                 perhaps this blank or letter
    ^account expired$                           at the beginning, at the end of a sentence

Literal words go through the same spelling as the text (`wording.normalise`), so a pattern reads as
people write. Every repetition is bounded and a pattern holds three gaps at most: the cost on any text is
bounded too, whoever writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.domain.causes.wording import normalise

GAPS_MAX = 3
"""Gaps in one pattern: each multiplies the positions tried."""

_BLANK = "(?: |(?<= ))"
"""A blank beside a joint: consumed here, or by an optional neighbour just before."""
_NEAR = _BLANK + r"(?:[^;]{1,40}? )??"
_FAR = _BLANK + r"(?:[^;]{1,120}? )??"
_TOKEN = re.compile(r" ?~~ ?| ?~ ?|\{[a-z_]+\}|\)\?|[ a-z]\?|[()|*#^$]")


class PatternError(ValueError):
    """A pattern or word list of the rule book cannot be read."""


def compile_pattern(pattern: str, words: Mapping[str, tuple[str, ...]]) -> re.Pattern[str]:
    """Turn one pattern into an expression over normalised text."""
    return re.compile(source(pattern, words))


def source(pattern: str, words: Mapping[str, tuple[str, ...]]) -> str:
    """The expression's source, so that the patterns of a rule can be joined into one."""
    left, either, right = pattern.partition(" <> ")
    if either:
        orders = (f"{left} ~ {right}", f"{right} ~ {left}")
        return f"(?:{'|'.join(source(order, words) for order in orders)})"
    body = _translate(pattern, words, frozenset())
    if len(re.findall("~+", pattern)) > GAPS_MAX:
        raise PatternError(f"more than {GAPS_MAX} gaps in {pattern!r}")
    try:
        re.compile(body)
    except re.error as error:
        raise PatternError(f"cannot read {pattern!r}: {error}") from error
    return rf"(?<![a-z0-9]){body}(?![a-z0-9])"


def _translate(pattern: str, words: Mapping[str, tuple[str, ...]], within: frozenset[str]) -> str:
    """Translate token by token; word lists may use other lists, never themselves."""
    parts: list[str] = []
    position = 0
    for match in _TOKEN.finditer(pattern):
        parts.append(_literal(pattern[position : match.start()]))
        parts.append(_joint(match[0], words, within, pattern))
        position = match.end()
    parts.append(_literal(pattern[position:]))
    return "".join(parts)


_JOINTS = {
    "~~": _FAR,
    "~": _NEAR,
    "*": r"[a-z0-9]{0,20}",
    "(": "(?:",
    "#": "[0-9]{1,12}",
    "^": r"(?:^|(?<=; ))",
    "$": r"(?= ;|$)",
    "?": " ?",
}


def _joint(token: str, words: Mapping[str, tuple[str, ...]], within: frozenset[str], pattern: str) -> str:
    """The expression for one special token; brackets and `letter?` mean the same there."""
    name = token[1:-1]
    if not token.startswith("{"):
        return _JOINTS.get(token.strip(), token)
    if name not in words or name in within:
        raise PatternError(f"{pattern!r} names {{{name}}}, which is no word list or contains itself")
    longest_first = sorted(words[name], key=len, reverse=True)
    return f"(?:{'|'.join(_translate(word, words, within | {name}) for word in longest_first)})"


def _literal(text: str) -> str:
    """Escape words in the one spelling, keeping the blanks at their ends."""
    if not text:
        return ""
    body = normalise(text).replace(" ;", "").replace(";", "")
    if not body:
        return _BLANK
    before = _BLANK if text[0] == " " else ""
    after = _BLANK if text[-1] == " " else ""
    return before + re.escape(body).replace("\\ ", " ") + after
