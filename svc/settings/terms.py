"""The settings of the search by words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from svc.settings.group import Group

TextLanguage = Literal[
    "none", "arabic", "armenian", "basque", "catalan", "czech", "danish", "dutch", "english", "esperanto", "estonian",
    "finnish", "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian",
    "nepali", "norwegian", "persian", "polish", "portuguese", "romanian", "russian", "serbian", "sesotho", "spanish",
    "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip


class TermSettings(Group):
    """How texts are taken apart into terms."""

    text_language: TextLanguage = Field(
        "english",
        description="Language of the texts that do not tell theirs, for searches by words: its Snowball stemmer maps "
        "the forms of a word to one term, and for english the most common words are left out; with none, each form is "
        "a term of its own in all texts. A text of some sentences in English, Czech, Danish, Dutch, French, German, "
        "Italian, Norwegian, Polish, Portuguese, Spanish or Swedish has the stems of its language, and words in "
        "Cyrillic, Greek and Arabic letters those of Russian, Greek and Arabic. Texts in other languages are found by "
        "the exact form of their words.",
    )
