"""Detects the language of a text by its most frequent words, the function words.

Names, code and words that several languages share are ignored. A text with few of these words, such as a list of
commands or a short message, has no known language. Languages without a stemmer are listed because their texts would
otherwise be detected as a related language.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

StemmedLanguage = Literal[
    "english", "czech", "danish", "dutch", "french", "german", "italian", "norwegian", "polish", "portuguese",
    "spanish", "swedish",
]  # fmt: skip
"""The languages whose texts have stems of their own."""

# Words that are also English are omitted, such as the German "die" and "war".
_FREQUENT = {
    "english": "the and that which this with from have has been their they there these those you your when where "
    "would could should what because about than only other its it's also can may must not each if or but more such",
    "czech": "že je se na jsou jako při pro nebo které který která pokud může není ale byl bylo aby jeho také jen tak "
    "již jsem jsme být podle mezi pouze tento této tím jak než však což své svůj",
    "danish": "og i at er en et af til på med den det der som ikke kan fra du de vil har ved om eller hvis når skal "
    "være bliver denne dette disse også efter være blive mellem hvor sig hvilket nogle hvordan ligger ud mere",
    "dutch": "de het een en van dat niet voor met zijn op te aan ook bij door wordt worden kan naar uit als deze dit "
    "maar om heeft geen dan nog moet wat over er hij ze wel hun zal zoals welke omdat",
    "french": "de à le la les des et est une un du dans que qui pour pas sur au aux avec ce cette ces il elle sont par "
    "plus ne se ou être vous nous peut si mais leur dont comme sans fait ont votre tout même entre aussi lorsque",
    "german": "der und das nicht von mit den dem des ein eine einen einer eines ist sich auf für als auch wird werden "
    "sind bei oder nach wenn kann dass aus im zum zur durch wie aber nur noch über haben wurde diese dieser diesem",
    "italian": "il di che la un una del della per non con sono è dei delle nel nella alla al si da le gli ma come più "
    "anche questo questa dal dalla se essere può ha o lo i ai quando degli tra suo sua viene loro",
    "norwegian": "og i at er en et av til på med den det der som ikke kan fra du de vil har ved om eller hvis når skal "
    "være blir denne dette disse også etter bli mellom hvor seg hvilken noen hvordan ut mer mye nå",
    "polish": "w i na z się nie do jest to że o jak za od po dla lub przez jego oraz tym tego które która który są być "
    "może tylko jeśli aby ale już przy czy może bez można także także został ze te ta tej",
    "portuguese": "de o a que e do da em um uma para com não os as no na por mais dos das ao é se foi ou como mas são "
    "você ele ela seu sua pode ser está pelo pela isso este esta quando também até nos nas muito",
    "spanish": "de la que el en y los del las un por con no una para se es al lo como más pero sus le ya o este sí "
    "porque esta son entre cuando muy sin sobre también puede ser si está hay su desde todo estos fue ha",
    "swedish": "och i att är en ett av till på med den det som inte kan från du de vill har vid om eller när ska skall "
    "vara blir denna detta dessa också efter bli mellan där sig vilken några hur ut mer för finns man så",
    "catalan": "de la que el en i els del les un per amb no una és es al com més però seus o aquest aquesta perquè són "
    "entre quan molt sense sobre també pot ser si està hi ha dels fer als seva seu això d'un",
    "romanian": "de și în la cu pe nu o un să este din care că mai sunt pentru al ale lui sau dar prin ca după fi a "
    "fost acest această poate aceste dacă",
    "galician": "de o a que e do da en un unha para con non os as no na por máis dos das ao é se foi ou como pero son "
    "ser pode está pola polo isto este esta cando tamén ata nos nas moi",
    "finnish": "ja on ei se että ole joka kun tai mutta ovat voidaan myös jos hän sen voi niin kuin tämä nämä jotka "
    "mukaan vain sekä ennen jälkeen siitä",
    "estonian": "ja on ei et see ta oma kui või aga ka mis kes selle seda ning siis oli nii veel pole saab",
    "hungarian": "a az és hogy nem is egy ez azt csak ha vagy van meg de már lehet mint el ki sem volt kell még amely "
    "után ezt által majd valamint",
    "turkish": "ve bir bu için ile de da olarak olan daha gibi çok değil ne ya veya her kadar ise sonra olduğu var en "
    "ancak tarafından göre",
    "indonesian": "yang dan di ini itu dengan untuk dari dalam tidak akan pada adalah ke juga atau oleh dapat ada "
    "seperti telah bisa lebih anda karena sebagai saat",
    "croatian": "je i u na se da za su od koji što kao ne s iz koja koje ili ali biti kako nije samo o ako sve može "
    "bio bi nakon prema",
    "slovak": "je sa na že ako pre pri alebo ktoré ktorý ktorá nie sú aj ale bol bolo aby jeho tak už len byť medzi "
    "tento tejto keď čo podľa",
    "vietnamese": "và của là có được không trong cho một các với này để những đã khi từ bạn nó như người thì",
}

# Single letters are more often names of options and variables.
_OPTIONS = frozenset(string.ascii_lowercase)
_LANGUAGES = tuple(_FREQUENT)
_STEMMED = frozenset(get_args(StemmedLanguage))
# Each language has this number of bits for its count in a sum of the numbers of words.
_BITS = 24
_MASK = (1 << _BITS) - 1
# The minimum number of counted words, and their minimum share of all words.
_LEAST = 5
_LEAST_SHARE = 0.08
# A text that repeats a few of them is often code or a table: "to" and "do" are Polish and English.
_LEAST_DIFFERENT = 3


def _numbers() -> dict[str, int]:
    numbers: dict[str, int] = {}
    for place, words in enumerate(_FREQUENT.values()):
        for word in set(words.split()) - _OPTIONS:
            numbers[word] = numbers.get(word, 0) + (1 << place * _BITS)
    return numbers


_NUMBERS = _numbers()


def _places() -> dict[str, tuple[int, ...]]:
    return {
        word: tuple(place for place in range(len(_LANGUAGES)) if number >> place * _BITS & 1)
        for word, number in _NUMBERS.items()
    }


_PLACES = _places()


def frequent_in(word: str) -> tuple[int, ...]:
    """The languages in which a word is frequent, as `languages_of` counts them."""
    return _PLACES.get(word, ())


def language_counts(languages: NDArray[np.int64], texts: NDArray[np.int64], text_count: int) -> NDArray[np.int64]:
    """How many of these pairs of a language and a text there are, of shape (texts, languages)."""
    places = texts * len(_LANGUAGES) + languages
    return np.bincount(places, minlength=text_count * len(_LANGUAGES)).reshape(text_count, len(_LANGUAGES))


def languages_of(
    word_counts: NDArray[np.int64], counts: NDArray[np.int64], different: NDArray[np.int64]
) -> dict[int, StemmedLanguage]:
    """The languages of many texts by their numbers, as `language_of` finds each.

    `counts` has the frequent words of each text by language, as `language_counts` counts them, and `different` has the
    same of its different words.
    """
    texts = np.arange(len(counts))
    places = counts.argmax(axis=1)
    most = counts[texts, places]
    known = (most >= _LEAST) & (most >= _LEAST_SHARE * word_counts) & (different[texts, places] >= _LEAST_DIFFERENT)
    found = ((int(text), _LANGUAGES[places[text]]) for text in np.flatnonzero(known))
    return {text: language for text, language in found if language in _STEMMED}


def language_of(words: Sequence[str]) -> StemmedLanguage | None:
    """The language of a text with these words; None if they do not tell, or it has no stems of its own here."""
    frequent = [*filter(_NUMBERS.__contains__, words)]
    total = sum(map(_NUMBERS.__getitem__, frequent))
    counts = [total >> place * _BITS & _MASK for place in range(len(_LANGUAGES))]
    most = max(counts)
    if most < _LEAST or most < _LEAST_SHARE * len(words):
        return None
    place = counts.index(most)
    if sum(_NUMBERS[word] >> place * _BITS & 1 for word in set(frequent)) < _LEAST_DIFFERENT:
        return None
    language = _LANGUAGES[place]
    return language if language in _STEMMED else None  # type: ignore[return-value]
