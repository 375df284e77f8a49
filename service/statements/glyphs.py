"""What the fonts of a paper can show: those that typst brings along, and no others.

They have Latin, Greek, Cyrillic and more; they lack Chinese, Japanese, Korean, Thai and emoji, and fonts that
have these are larger than this service. Fonts of the machine would make another paper on each.
"""

from __future__ import annotations

from typing import Final

import msgspec
import typst

_PROBE: Final = b"""
#set text(font: "Libertinus Serif")
#for each in json(bytes(sys.inputs.letters)) [#box(each) ]
"""


def can_show(text: str) -> bool:
    """Whether each letter has a form on paper; a box would stand for it otherwise.

    They are typeset under PDF/A, which refuses a letter without a form: in all else typst does not tell.
    """
    letters = sorted({each for each in text if not each.isascii()})
    inputs = {"letters": msgspec.json.encode(letters).decode()}
    try:
        typst.compile(_PROBE, format="pdf", ignore_system_fonts=True, sys_inputs=inputs, pdf_standards="a-2b")
    except typst.TypstError:
        return False
    return True
