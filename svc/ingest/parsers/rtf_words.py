"""The control words of RTF that matter for its text."""

from __future__ import annotations

import re

TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
NEVER_READ = frozenset((
    "fonttbl", "colortbl", "stylesheet", "info", "objdata", "themedata", "colorschememapping", "datastore",
    "latentstyles", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "template", "private",
    "revtbl", "filetbl", "bkmkstart", "bkmkend", "nonshppict", "mmathPr", "pgdsctbl", "shprslt", "listpicture",
    "background", "nonesttables", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn", "atnid", "atndate",
    "atnref", "atntime", "atnparent", "xe", "tc", "docvar", "userprops", "password", "passwordhash",
))  # fmt: skip
"""The groups whose contents are not text, and those that repeat contents for old readers."""

HIDDEN = frozenset(("pict", "object", "shpinst", "do"))
"""The groups that are no text themselves, but may have text inside."""

SINKS = {
    "footnote": "note", "annotation": "comment", "atnauthor": "author", "fldinst": "instruction", "objclass": "class",
    "sn": "property", "sv": "value", "shptxt": "shape", "dptxbxtext": "shape",
    **{f"{edge}{which}": "edge" for edge in ("header", "footer") for which in ("", "l", "r", "f")},
}  # fmt: skip
"""The destination of a group's text, if it is not the body."""

CHARACTERS = {
    "par": "\n", "sect": "\n", "page": "\n", "line": "\n", "column": "\n", "softline": "\n", "tab": "\t",
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": "; ", "nestrow": "\n",
}  # fmt: skip
SYMBOLS = {"~": "\u00a0", "_": "-", "-": ""}
STYLE = re.compile(rb"\{\\s(\d+)[^{}]*?(?:heading|\xdcberschrift|titre|rubrik) (\d)\s*;\}", re.IGNORECASE)
CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258",
    177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
CODE_PAGES = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
FONT = re.compile(rb"\\f(\d+)[^{};]*?\\fcharset(\d+)")
HYPERLINK = re.compile(r'\s*HYPERLINK\s+(?:"([^"]*)"|([^\s"\\][^\s"]*))', re.IGNORECASE)
