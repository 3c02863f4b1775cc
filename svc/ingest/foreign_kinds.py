"""The kinds of files that are not read, by their first bytes, so that a refusal can name them."""

from __future__ import annotations

import re

_BEGINNINGS: list[tuple[bytes, str]] = [
    (rb"8BPS\x00", "a Photoshop image"),
    (rb"\x1f\x8b", "a gzip archive; unpack it and upload the files in it"),
    (rb"\x1f[\x9d\xa0]", "an archive of compress (.Z)"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "a bzip2 archive; unpack it and upload the files in it"),
    (rb"\xfd7zXZ\x00", "an xz archive; unpack it and upload the files in it"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (rb"\x04\x22\x4d\x18", "an LZ4 archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it and upload the files in it"),
    (rb"Rar!\x1a\x07", "a RAR archive; unpack it and upload the files in it"),
    (rb"MSCF\x00{4}", "a Cabinet archive of Windows (.cab)"),
    (rb"!<arch>\n", "an archive of ar"),
    (rb"07070[17][0-9A-Fa-f]{24}|\xc7\x71|\x71\xc7", "a cpio archive"),
    (rb"\xed\xab\xee\xdb", "an RPM package"),
    (rb"\x7fELF", "an ELF program"),
    (rb"MZ[^\n]{0,30}\x00", "a program of Windows"),
    (rb"\xca\xfe\xba\xbe", "a Java class or a macOS program"),
    (rb"\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe", "a macOS program"),
    (rb"\x00asm", "a WebAssembly module"),
    (rb"dex\n\d{3}\x00", "a program of Android"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"\x00\x01\x00\x00Standard (?:Jet|ACE) DB", "an Access database"),
    (rb"PAR1[^ -~]", "a Parquet file"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"CDF[\x01\x02]", "a NetCDF file"),
    (rb"OggS\x00", "Ogg audio or video"),
    (rb"fLaC\x00", "FLAC audio"),
    (rb"ID3[\x00-\x08]|\xff[\xfb\xf3\xf2\xfa][\x10-\xec]", "MP3 audio"),
    (rb"MThd\x00\x00\x00\x06", "MIDI music"),
    (rb"\.snd\x00", "audio (.au)"),
    (rb"FORM.{4}AIF[FC]", "AIFF audio"),
    (rb"RIFF.{4}WAVE", "WAV audio"),
    (rb"RIFF.{4}AVI ", "an AVI video"),
    (rb"RIFF.{4}CDR", "a CorelDRAW drawing"),
    (rb"\x00.{3}ftyp(?:hei|mif|avif)", "a HEIF or AVIF image"),
    (rb"\x00.{3}ftyp", "MPEG-4 audio or video"),
    (rb"\x00.{3}moov", "a QuickTime video"),
    (rb"FLV\x01", "a Flash video"),
    (rb"[FCZ]WS[\x01-\x08\x0b\x0c\x0e-\x1f]", "a Flash film"),
    (rb"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media audio or video"),
    (rb"\x00\x00\x00\x0cjP  \r\n|\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"\x00\x00[\x01\x02]\x00[\x01-\x40]\x00.{2}[\x00\x01]", "an icon"),
    (rb"\x01\x00\x00\x00.{36} EMF", "a drawing of Windows (EMF)"),
    (rb"\xd7\xcd\xc6\x9a", "a drawing of Windows (WMF)"),
    (rb"AC10\d\d\x00", "an AutoCAD drawing"),
    (rb"wOF[2F]|OTTO\x00|true\x00|ttcf\x00|\x00\x01\x00\x00\x00[\x04-\x40]", "a font"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document; save it as PDF"),
    (rb"AT&TFORM.{4}DJV", "a DjVu document; save it as PDF"),
    (rb".{60}BOOKMOBI|.{60}TEXtREAd", "a Mobipocket book; save it as EPUB"),
    (rb"ITSF\x03|ITOLITLS", "a compiled help file or book of Microsoft (.chm, .lit)"),
    (rb"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a notebook of OneNote; save it as PDF or .docx"),
    (rb"!BDN", "a mailbox of Outlook (.pst)"),
    (rb"\xffWPC", "a WordPerfect document; save it as .docx or .odt"),
    (rb"\x31\xbe\x00\x00", "a Windows Write document; save it as .docx or .odt"),
    (rb"\xdb\xa5-\x00|\x7f\xfe4\n|\xfe7\x00[\x1c#]", "a Word document of before Word 6; save it as .docx"),
    (rb"bplist0\d", "a binary property list"),
    (rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\n\r\r\n.{4}[\x4d\x1a]\x3c", "captured packets of a network"),
    (rb".{257}ustar[\x00 ]", "a tar archive; unpack it and upload the files in it"),
    (rb".{32769}CD001", "an image of a disc"),
]  # fmt: skip
_PATTERNS = [(re.compile(beginning, re.DOTALL), kind) for beginning, kind in _BEGINNINGS]

IN_ZIP: dict[bytes, str] = {
    b"mimetypeapplication/vnd.oasis": "an OpenDocument file of a kind that is not read",
    b"mimetypeapplication/vnd.sun.xml": "a document of OpenOffice 1; save it as OpenDocument",
    b"META-INF/MANIFEST": "a Java archive",
    b"AndroidManifest.xml": "an app of Android",
    b"visio/": "a Visio drawing; save it as PDF",
    b"FixedDocSeq.fdseq": "an XPS document; save it as PDF",
    b"FixedDocumentSequence.fdseq": "an XPS document; save it as PDF",
    b"Index/Document.iwa": "a document of Apple's iWork; save it as PDF or in the format of Office",
    b"index.apxl": "a presentation of Apple's Keynote; save it as .pptx or PDF",
}
"""The kinds of files that are ZIP archives, by the beginning of the name of a member."""


def foreign_kind(data: bytes) -> str:
    """Return the apparent type of a file that is not read; empty if its first bytes do not show it."""
    return next((kind for beginning, kind in _PATTERNS if beginning.match(data)), "")
