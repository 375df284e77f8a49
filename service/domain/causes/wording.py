"""Words of errors made comparable: one spelling to match, one text for all that differ in names or numbers.

Integrators change case, quotes and punctuation of the platform's words, and write British or American.
`normalise` takes all that away; patterns of rules go through it too, so they can be written as people
write. `group` keeps a readable text and replaces what varies from one record to the next, so that a
thousand equal failures are one line to a person.
"""

from __future__ import annotations

import re
import unicodedata

GROUP_MAX = 200
"""Characters of a group: enough to tell wordings apart, short enough to key and show."""

_URL = re.compile(r"\b(?:https?|ftp)://[^\s'\"<>`]{1,500}|\bwww\.[^\s'\"<>`]{1,300}", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SENTENCE = re.compile(r"[.!?;\u2026](?=\s|$)|[;|\u2022]")
_NOT_A_WORD = re.compile(r"[^a-z0-9;%']+")
_PLATFORM = re.compile(
    r"\b(?:quick books|intuit|qbo|qb)(?: online)?(?: plus)?\b|\bquickbooks online(?: plus)?\b"
)
_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r"can't|cannot\b|can not|unable to|could not|couldn't|not able to|not possible to|failed to",
            "can not",
        ),
        (r"won't\b", "will not"),
        (r"n't\b", " not"),
        (r"'(?:re)\b", " are"),
        (r"'(?:ve)\b", " have"),
        (r"\b(there|it|that)'s\b", r"\1 is"),
        (r"'s\b", ""),
        (r"'", ""),
        (r"\b(un|re)?authoris", r"\1authoriz"),
        (r"\borganis", "organiz"),
        (r"recognis", "recogniz"),
        (r"synchronis", "synchroniz"),
        (r"\bcancell(?=ed|ing)", "cancel"),
        (r"\blicen[cs]e", "license"),
        (r"\bcheque", "check"),
        (r"\btime[ -]?out\b", "timeout"),
        (r"\btimed ?out\b", "timed out"),
        (r"\bdeactivated\b|\bde activated\b", "made inactive"),
        (r"\bid s\b", "ids"),
        (r"\be mail", "email"),
        (r"\bo auth", "oauth"),
        (r"\bsub (?=item|account|customer)", "sub"),
    )
)
_SPACES = re.compile(r"\s+")
_ENCODED = re.compile("%2[0-9A-Fa-f]")
"""A blank or a mark as addresses carry it: `rate%20limit`."""


def normalise(text: str) -> str:
    """Lower-case words, single spaces, `;` between sentences; nothing else."""
    text = unicodedata.normalize("NFKC", text)
    text = _ENCODED.sub(lambda match: chr(int(match[0][1:], 16)), text)
    text = _URL.sub(" url ", text).replace("\u2019", "'").replace("\u2018", "'").replace("`", "'")
    text = _CAMEL.sub(" ", text)
    text = _SENTENCE.sub(" ; ", text).lower()
    text = _NOT_A_WORD.sub(" ", text)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    text = _PLATFORM.sub("quickbooks", text)
    return _SPACES.sub(" ", text).strip()


_QUOTED = re.compile(
    r"'[^']{1,120}'|\"[^\"]{1,120}\"|\u201c[^\u201d]{1,120}\u201d|\u2018[^\u2019]{1,120}\u2019|`[^`]{1,120}`"
)
_BRACKETED = re.compile(r"[\[{<]{1,2}\$?[^\[\]{}<>]{1,60}[\]}>]{1,2}")
_EMAIL = re.compile(r"[\w.+-]{1,60}@[\w.-]{1,80}\.\w{2,12}")
_WITH_DIGIT = re.compile(r"(?<!\w)#?[\w./:-]{0,60}\d[\w./:-]{0,60}")
_STAND_IN = re.compile(r"\b(?:X{2,}|Y{2,}|Z{2,}|x{3,}|y{3,}|xyz|XYZ)\b|#{2,}|(?<=\s)#(?=\s|$)")
_NAME = re.compile(r"\b[A-Z][\w&'-]{1,30}(?: (?:[A-Z][\w&'-]{0,30}|&)){1,4}")


def group(text: str, vocabulary: frozenset[str] = frozenset()) -> str:
    """The text with `#` for its variables; capitalised words outside the vocabulary count as a name."""

    def is_name(match: re.Match[str]) -> str:
        words = {word.lower() for word in re.findall(r"\w+", match[0])}
        return match[0] if words & vocabulary else "#"

    text = unicodedata.normalize("NFKC", text[:2_000])
    text = _URL.sub("#", text)
    for pattern in (_EMAIL, _BRACKETED, _QUOTED, _WITH_DIGIT, _STAND_IN):
        text = pattern.sub(" # ", text)
    text = _NAME.sub(is_name, text)
    text = re.sub(r"[^\w#%]+", " ", text.lower())
    return re.sub(r"#(?: #)+", "#", _SPACES.sub(" ", text)).strip()[:GROUP_MAX]
