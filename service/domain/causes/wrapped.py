"""Strings that wrap an error: JSON or a fault somewhere within, an object printed by some language, a page.

Only regular expressions with bounded repetition and the standard JSON decoder touch upstream text: no XML
parser (it expands entities), no evaluation. Callers cut texts to their bound first.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PROBLEM_MAX = 2_000
"""Characters kept of one problem, which bounds the cost of matching it; the longest in the corpus has 900."""
CODES_MAX = 6
"""Codes kept of one problem; a fault names one or two."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: its words, the platform's codes and the HTTP status where they are told."""

    text: str
    codes: tuple[str, ...] = ()
    http_status: int | None = None


_JSON_START = re.compile(r"[\[{]\s{0,20}[\"\[{]")
_JSON_STARTS_MAX = 3
"""Brackets tried: JSON begins at one of the first, the others are prose."""


def embedded_json(text: str) -> tuple[str, object, str] | None:
    """What stands before the first JSON object or list, its value, and what follows; None without any."""
    for candidate in (text, text.replace('\\"', '"')) if '\\"' in text else (text,):
        for number, match in enumerate(_JSON_START.finditer(candidate)):
            if number == _JSON_STARTS_MAX:
                break
            try:
                value, end = json.JSONDecoder().raw_decode(candidate, match.start())
            except (ValueError, RecursionError):
                continue
            return candidate[: match.start()], value, candidate[end:]
    return None


def elements(
    text: str, opening: re.Pattern[str], within: int, *, may_stay_open: bool
) -> Iterator[tuple[re.Match[str], int, int]]:
    """Each opening tag that is closed `within` so many characters, where its content ends, and itself.

    The opening names its tag in a group `name`; one that may stay open ends with the text at last. A closing
    tag is looked for once: from each of a thousand opening ones anew it would cost a second.
    """
    last = len(text.removesuffix("\n")) if may_stay_open else len(text) + within + 1
    closed: dict[str, tuple[int, int]] = {}
    position = 0
    while begin := opening.search(text, position):
        name = begin["name"].lower()
        if name not in closed or closed[name][0] < begin.end():
            close = re.compile(f"</{re.escape(name)}>", re.IGNORECASE).search(text, begin.end())
            closed[name] = close.span() if close else (last, last)
        content_end, end = closed[name]
        if content_end - begin.end() <= within:
            yield begin, content_end, end
            position = end
        else:
            position = begin.start() + 1


_XML_ERROR = re.compile(r"<(?P<name>Error)\b([^>]{0,200})>", re.IGNORECASE)
_XML_ERROR_WITHIN = 4_000
_XML_PART = re.compile(r"<(?P<name>Message|Detail)\s?>", re.IGNORECASE)
_XML_PART_WITHIN = 3_000
"""Characters of an element; of the longest faults met in public an error has 900."""
_XML_ERRORS_MAX = 10
"""Faults read from one text; people act on the first."""


def xml_faults(text: str) -> list[Problem]:
    """The errors of a QuickBooks fault: attributes hold the code, message and detail the words."""
    faults: list[Problem] = []
    for begin, content_end, _ in elements(text, _XML_ERROR, _XML_ERROR_WITHIN, may_stay_open=True):
        content = text[begin.end() : content_end]
        parts = [
            one_line(strip_markup(content[part.end() : part_end]))
            for part, part_end, _ in elements(content, _XML_PART, _XML_PART_WITHIN, may_stay_open=True)
        ]
        words = ": ".join(distinct(parts))
        if words:
            faults.append(Problem(words, codes_in(begin[2]) + codes_in(content), status_in(content)))
        if len(faults) == _XML_ERRORS_MAX:
            break
    return faults


_PRINTED_PART = re.compile(
    r"""['"]?\b(?P<key>message|detail|title|error|error_description)['"]?\s{0,3}(?:=>|:|=)\s{0,3}[ub]?"""
    r"""(?P<quote>['"])(?P<words>.{1,1000}?)(?P=quote)(?=\s{0,3}(?:[,}\])\n]|$))""",
    re.IGNORECASE,
)
_PRINTED_ORDER = ("title", "message", "error", "detail", "error_description")


def printed_fault(text: str) -> Problem | None:
    """An object as some language prints it, `{'Message': u'...'}` or `{"Title"=>"..."}`."""
    parts: dict[str, str] = {}
    for match in _PRINTED_PART.finditer(text[: 4 * PROBLEM_MAX]):
        parts.setdefault(match["key"].lower(), match["words"])
    words = distinct([parts[key] for key in _PRINTED_ORDER if key in parts])
    return Problem(one_line(": ".join(words)), codes_in(text), status_in(text)) if words else None


def plain(text: str) -> Problem | None:
    """A string that wraps nothing we know, without its markup; None when it holds no word."""
    words = one_line(strip_markup(text))
    if not any(character.isalnum() for character in words):
        return None
    return Problem(words, codes_in(text), status_in(text))


_SCRIPT = re.compile(r"<(?P<name>script|style)\b[^>]{0,500}>", re.IGNORECASE)
_SCRIPT_WITHIN = 8_000
_TAG = re.compile(r"</?[a-zA-Z!][a-zA-Z0-9:-]{0,40}(?:\s[^<>]{0,500})?/?>")
_SHORT_TAG_MAX = 4
"""Capitals in brackets up to this length are old HTML, `<BR>`; longer ones stand for a value, `<CODE>`."""


def strip_markup(text: str) -> str:
    """The words of a page or fragment."""

    def keep_stand_ins(match: re.Match[str]) -> str:
        tag = match[0]
        return f" {tag} " if tag[1:-1].isupper() and len(tag) > _SHORT_TAG_MAX else " "

    if "<" in text:
        text = _TAG.sub(keep_stand_ins, _without_scripts(text))
    return html.unescape(text) if "&" in text else text


def _without_scripts(text: str) -> str:
    """The text with a blank in place of each script and style."""
    kept, position = [], 0
    for begin, _, end in elements(text, _SCRIPT, _SCRIPT_WITHIN, may_stay_open=False):
        kept.append(text[position : begin.start()])
        position = end
    return " ".join([*kept, text[position:]])


_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")


def one_line(text: str) -> str:
    """One printable line without control characters, bounded."""
    text = text[: 4 * PROBLEM_MAX].replace('\\"', '"').replace("\\n", " ")
    return _BLANK.sub(" ", text).strip()[:PROBLEM_MAX]


_CODE = re.compile(
    r"""(?:(?<![a-z] )\bcode|\berror|error[ _]?code|error[ _]?number|\(field)['"]?\s{0,2}"""
    r"""(?:=>|[:=])?\s{0,2}['"\[]?(?P<code>0{0,3}\d{1,5})\b(?!%)""",
    re.IGNORECASE,
)
_LEADING_CODE = re.compile(r"^\W{0,3}(?P<code>\d{3,5})\s?(?::|-|\u2013)\s")
_STATUS = re.compile(
    r"""(?:status(?:[ _]?code)?|http(?:/\d\.\d)?|response[ _]code|\bfailed with|"""
    r"""\berror(?: code)?)['"]?\s{0,2}"""
    r"""(?:=>|[:=])?\s{0,2}[\[(]?(?P<told>[45]\d\d)\b|[\[(](?P<bracketed>[45]\d\d)[\])]|^\W{0,20}(?P<leading>[45]\d\d)\s[A-Z]""",
    re.IGNORECASE,
)


def codes_in(text: str) -> tuple[str, ...]:
    """Platform codes that a text names, without leading zeros."""
    text = text[:PROBLEM_MAX]
    found = [match["code"] for match in (*_LEADING_CODE.finditer(text), *_CODE.finditer(text))]
    return tuple(distinct([code.lstrip("0") for code in found]))[:CODES_MAX]


def status_in(text: str) -> int | None:
    """The HTTP status that a text names as one."""
    match = _STATUS.search(text[:PROBLEM_MAX])
    return int(match["told"] or match["bracketed"] or match["leading"]) if match else None


def distinct(words: Sequence[str]) -> list[str]:
    """In order, without what is empty or was said already."""
    return list(dict.fromkeys(word for word in words if word))


def with_context(found: Sequence[Problem], context: str) -> Iterator[Problem]:
    """The inner problems, then the wrapper's own words: the platform decides, and speaks inside."""
    around = plain(context)
    for problem in found:
        yield inherit(problem, around) if around else problem
    if around:
        yield around


def inherit(problem: Problem, outer: Problem) -> Problem:
    """The inner problem with the code and status of its wrapper where it has none of its own."""
    return Problem(problem.text, problem.codes or outer.codes, problem.http_status or outer.http_status)
