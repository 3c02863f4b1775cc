"""Recognizes the encoding of a few words, such as a file name, by the most frequent letters of its language.

For longer texts, `charset-normalizer` is as good; of four Chinese characters it makes Korean.
"""

from __future__ import annotations

import re
from typing import Final

_HAN: Final = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进"
    "着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各"
    "重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次"
    "品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别手期根论运农指几九区强放决西被干做必战先回则任取据处府研究书报告记录议纪"
    "這個為國時來們會發動過說產種後學經進電裡現實兩體機當點從業應開還間樣與關線內數質氣變條沒結問無係軍題黨員總設長頭資邊級圖統較將組見計"
    "测试測試別論運農幾區強戰則處報書記錄議案件檔目錄中華東京日本語新聞案内資料名前書類写真画像音楽報告説明番号管理検索表示設定変更追加削除確認"
)
_HANGUL: Final = (
    "이다의는에을가한고지사로도리기하스시아서정대인자어나해있들그은와과적를수여라제만보일장전주구부공조상원것게국면유용생관무신동연경세성비오"
    "한글테스트요회문서록파일새폴더안내자료보고서계획학교습니까했었당마모우소되화중계방발산년월물말간행위양식실선업등내"
)
_LETTERS: Final = (
    "оеаинтсрвлкмдпуязыьбгчйіїєґўαοιετσνηυρπκμλςωδγάέήίόύώיוהלאמרבתשנםעדחاليمنروتبةعدسفهحقكأานรอกเงมยลวดทสตะปบคหแจพชขไ่้ีัิ"
)
_CODECS: Final = (
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp866", "cp1251", "koi8_u", "cp1253", "cp1255", "cp1256", "cp874",
)  # fmt: skip
_MARKS: Final = frozenset("　、。・，「」（）！？：；“”ัิี่้")
_WORD: Final = re.compile(r"(?:[^\W\d_]|[\u0e31-\u0e4e])+|[^\x00-\x7f]")
_FREQUENT: Final = frozenset(_HAN + _HANGUL + _LETTERS)
_LEAST_SCORE: Final = 0.55
_LEAST_LEAD: Final = 0.1
_LEAST_CHARACTERS: Final = 2
_MOST_BYTES: Final = 2_000


def likely_codec(data: bytes) -> str | None:
    """The codec of a few words in a script other than the Latin; None if no one is clearly the best."""
    scores = sorted(((_score(data[:_MOST_BYTES], codec), codec) for codec in _CODECS), reverse=True)
    (best, codec), (second, _) = scores[:2]
    return codec if best >= _LEAST_SCORE and best - second >= _LEAST_LEAD else None


def _score(data: bytes, codec: str) -> float:
    """The frequency of the non-ASCII characters in their language, from 0 to 1."""
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        try:
            text = data[:-1].decode(codec)  # half a character at the end
        except UnicodeDecodeError:
            return 0.0
    scores = [each for word in _WORD.findall(text) for each in _scores(word)]
    return sum(scores) / len(scores) if len(scores) >= _LEAST_CHARACTERS else 0.0


def _scores(word: str) -> list[float]:
    """The frequency of each non-ASCII character of a word."""
    is_latin = any(each.isascii() and each.isalpha() for each in word)
    is_regular = word.islower() or word.isupper() or word.istitle() or word.lower() == word
    found = []
    for each in word:
        if each.isascii():
            continue
        if "\u3041" <= each <= "\u30fe":
            found.append(1.0)
        elif "\u4e00" <= each <= "\u9fff" or "\uac00" <= each <= "\ud7a3":
            found.append(1.0 if each in _FREQUENT else 0.3)
        elif is_latin or not is_regular or not each.isalpha() or "\uff61" <= each <= "\uff9f":
            found.append(0.7 if each in _MARKS and not is_latin else 0.0)
        else:
            found.append((0.8 if word.isupper() else 1.0) if each.lower() in _FREQUENT else 0.3)
    return found
