"""Each text has the stems of its language, and queries find texts in any language."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.search.highlights import Highlighter
from svc.search.operators import read_query
from svc.settings.terms import TextLanguage
from svc.terms.by_language import MARKS, LanguageWords, mark
from svc.terms.languages import StemmedLanguage, language_of
from svc.terms.splitting import found_words
from svc.terms.weights import Scale, query_weights
from svc.terms.words import Words, term

TENANT = UUID(int=1)
ENGLISH = LanguageWords("english")
# The beginning of the Universal Declaration of Human Rights, article 2 of it in Czech and Polish.
TEXTS: dict[StemmedLanguage, str] = {
    "english": "Whereas disregard and contempt for human rights have resulted in barbarous acts which have outraged "
    "the conscience of mankind, and the advent of a world in which human beings shall enjoy freedom of speech",
    "german": "Da die Anerkennung der angeborenen Würde und der gleichen und unveräußerlichen Rechte aller Mitglieder "
    "der Gemeinschaft der Menschen die Grundlage von Freiheit, Gerechtigkeit und Frieden in der Welt bildet",
    "french": "Considérant que la reconnaissance de la dignité inhérente à tous les membres de la famille humaine et "
    "de leurs droits égaux et inaliénables constitue le fondement de la liberté, de la justice et de la paix",
    "spanish": "Considerando que la libertad, la justicia y la paz en el mundo tienen por base el reconocimiento de la "
    "dignidad intrínseca y de los derechos iguales de todos los miembros de la familia humana",
    "portuguese": "Considerando que o reconhecimento da dignidade inerente a todos os membros da família humana e dos "
    "seus direitos iguais e inalienáveis constitui o fundamento da liberdade, da justiça e da paz no mundo, não é",
    "italian": "Considerato che il riconoscimento della dignità inerente a tutti i membri della famiglia umana e dei "
    "loro diritti, uguali ed inalienabili, costituisce il fondamento della libertà, della giustizia e della pace",
    "dutch": "Overwegende, dat erkenning van de inherente waardigheid en van de gelijke en onvervreemdbare rechten van "
    "alle leden van de mensengemeenschap grondslag is voor de vrijheid, gerechtigheid en vrede in de wereld",
    "swedish": "Enär erkännandet av det inneboende värdet hos alla medlemmar av människosläktet och av deras lika och "
    "oförytterliga rättigheter är grundvalen för frihet, rättvisa och fred i världen",
    "czech": "Každý má všechna práva a všechny svobody, které jsou stanovené touto deklarací, bez jakéhokoli "
    "rozlišování, ale žádný rozdíl nebude dělán na základě toho, že je někdo z jiné země nebo jako člověk není",
    "polish": "Każdy człowiek posiada wszystkie prawa i wolności zawarte w niniejszej deklaracji bez względu na to, "
    "czy jest z tego lub innego kraju, oraz nie ma przy tym różnicy, jak się do niego odnosi",
}


@pytest.mark.parametrize("language", TEXTS)
def test_the_language_of_a_text_is_recognised(language: StemmedLanguage) -> None:
    assert language_of(found_words(TEXTS[language])) == language


@pytest.mark.parametrize(
    "text",
    [
        "", "the of and", "Häuser, Dateien, Verzeichnisse, Rechnungen, Verträge",
        "tar -x -a -e -o -i -u -y -z -w FILE; ls -a -o -e -i -u -y", "de la de la de la " + "word " * 300,
        "int to_do; use to set to 0 to 9, do reset to 1, do read to 4, fd to close, blocks to 12, do",
        "Considerant que el reconeixement de la dignitat inherent i dels drets iguals i inalienables de tots els "
        "membres de la família humana és el fonament de la llibertat, la justícia i la pau en el món",
    ],
)  # fmt: skip
def test_a_text_without_evidence_has_no_language(text: str) -> None:
    assert language_of(found_words(text)) is None


def test_words_of_a_text_have_the_stems_of_its_language() -> None:
    for language in get_args(StemmedLanguage):
        if language in TEXTS:
            counts = ENGLISH.document(f"{TEXTS[language]} files").counts
            assert (
                counts.keys() - MARKS
                == Words(language, ENGLISH.own.stop_words).document(f"{TEXTS[language]} files").counts.keys()
            )
            assert (counts.keys() & MARKS) == (set() if language == "english" else {mark(language)})
    none = LanguageWords("none").document(TEXTS["german"]).counts
    assert none == Words("none").document(TEXTS["german"]).counts


LANGUAGE = st.sampled_from(["english", "german", "none"])
WORD = st.one_of(
    st.text(max_size=12),
    st.sampled_from([word for text in TEXTS.values() for word in text.split()]),
    st.sampled_from(
        ["parseHTTPHeader", "asn1_der_coding", "größeDerDateien2", "l'homme", "東京都", "файлы", "ſtraße_an"]
    ),
)


@given(LANGUAGE, st.lists(WORD, min_size=1, max_size=8), st.sampled_from(list(TEXTS.values())))
def test_a_query_has_a_term_of_each_of_its_words_in_a_text_of_any_language(
    language: TextLanguage, query: list[str], text: str
) -> None:
    words = LanguageWords(language)
    stored = words.document(f"{text} {' '.join(query)}").counts
    asked = words.query(" ".join(query), words.languages)
    for word in asked:
        assert stored.keys() & word.keys(), (query, text)
    # Without other languages, a query uses the language of the settings.
    alone = words.query(" ".join(query), ())
    assert {one: counts[language] for word in alone for one, counts in word.items()} == words.own.query(
        " ".join(query)
    ).counts
    assert len(alone) == len(asked)


def test_the_forms_of_a_word_in_several_languages_share_their_rarity() -> None:
    haus, hauser = term("haus"), term("häuser")
    words = ENGLISH.query("Häuser", ["german"])
    assert words == [{hauser: {"english": 1}, haus: {"german": 1}}]
    only_english = query_weights(ENGLISH.query("houses", ()), Scale(100, {term("hous"): 0.1}, 0.01, {"english": 1}))
    both = ENGLISH.query("houses", ["german"])
    # The German stem of "houses", which only English texts contain, changes nothing.
    assert query_weights(both, Scale(100, {term("hous"): 0.1}, 0.01, {"english": 1, "german": 0})) == only_english


async def test_highlights_are_those_of_the_language_of_the_text() -> None:
    german, english = f"{TEXTS['german']} Haus", f"{TEXTS['english']} new"
    highlighter = Highlighter(ENGLISH, read_query("Häuser news"))
    of_german, of_english = await highlighter.of([german, english])
    assert [german[begin:end] for begin, end in of_german] == ["Haus"]
    assert of_english == []
