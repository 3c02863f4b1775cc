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
    """The splitting of texts into terms."""

    text_language: TextLanguage = Field(
        "english",
        description="Language for searches by words, used for texts whose language is not detected: its Snowball "
        "stemmer maps the forms of a word to one term, and for english the most common words are omitted. With none, "
        "each form is a separate term in all texts. Texts of some sentences in English, Czech, Danish, Dutch, French, "
        "German, Italian, Norwegian, Polish, Portuguese, Spanish or Swedish are stemmed in their own language, and "
        "words in Cyrillic, Greek and Arabic script in Russian, Greek and Arabic. In other languages, only the exact "
        "form of a word is found.",
    )
