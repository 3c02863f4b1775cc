"""Mails and mailboxes are read completely: no body, link, report or mail is lost silently."""

from __future__ import annotations

import base64
import binascii

import pytest

from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from tests.ingest.test_formats import mail

_LONG = "The committee met on Monday and agreed to the budget. " * 5


def test_links_of_the_html_follow_the_plain_text_that_does_not_show_them() -> None:
    message = mail(Subject="Vote")
    message.set_content(f"{_LONG}\nVote here.")
    message.add_alternative(f"<p>{_LONG}</p><p>Vote <a href='https://a.example/v'>here</a>.</p>", subtype="html")
    assert parse("mail", message.as_bytes()).text.endswith("\nVote here.\n\nhere: https://a.example/v")


def test_html_that_says_more_than_the_plain_text_is_read() -> None:
    message = mail(Subject="Vote")
    message.set_content("Your program cannot show this mail as it was designed to be seen by readers. " * 4)
    message.add_alternative(f"<p>{_LONG}</p>", subtype="html")
    assert "agreed to the budget" in parse("mail", message.as_bytes()).text


def test_divided_lines_are_joined_as_the_mail_says() -> None:
    for delsp, text in (("no", "One sentence goes on.\nNext."), ("yes", "One sentencegoes on.\nNext.")):
        source = f"Content-Type: text/plain; format=flowed; delsp={delsp}\n\nOne sentence \ngoes on.\nNext.\n"
        assert parse("mail", source.encode()).text == text


def test_a_report_on_delivery_and_texts_without_names_are_read() -> None:
    source = (
        b"Subject: Failure\nContent-Type: multipart/report; boundary=x\n\n--x\n"
        b"Content-Type: text/plain\n\nSorry.\n--x\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n"
        b"Final-Recipient: rfc822; b@a.example\n"
        b"Diagnostic-Code: smtp; 550 unknown user\n\n--x\nContent-Type: text/plain\n\nA footer.\n--x--\n"
    )
    document = parse("mail", source)
    assert "Diagnostic-Code: smtp; 550 unknown user" in document.text
    assert document.text.endswith("\n\nA footer.")
    assert document.warnings == []


def test_each_mail_of_a_mailbox_is_read() -> None:
    source = b"".join(
        b"From a@b.example Mon Nov  2 10:00:00 2026\nSubject: %s\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"=C3=BCber %s\n>From here on\n\n" % (name, name)
        for name in (b"one", b"two")
    )
    assert detect_file_type("inbox", source) == detect_file_type("a.mbox", source) == "mail"
    document = parse("mail", source)
    assert document.text == (
        "one\n\nSubject: one\n\nüber one\n>From here on\n\ntwo\n\nSubject: two\n\nüber two\n>From here on"
    )
    assert [block.place["mail"] for block in document.blocks] == [1, 1, 1, 2, 2, 2]
    assert document.warnings == ["The 2 mails of the mailbox are one document."]


def test_a_page_that_was_saved_from_the_web_is_read_without_its_style() -> None:
    source = (
        b'Subject: Rules\nContent-Type: multipart/related; type="text/html"; boundary=x\n\n--x\n'
        b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\nContent-Location: https://a.example/\n\n"
        b"<p>Twenty=20five days</p>\n--x\n"
        b"Content-Type: text/css\nContent-Location: https://a.example/a.css\n\np {}\n--x--\n"
    )
    assert detect_file_type("a.mhtml", source) == "mail"
    assert parse("mail", source).text == "Subject: Rules\n\nTwenty five days"


def test_a_mail_that_is_one_attachment_is_read_or_names_it() -> None:
    headers = b"Subject: Report\nContent-Type: %s\nContent-Disposition: attachment; filename=%s\n%s\n"
    text = parse("mail", headers % (b"text/plain", b"a.txt", b"") + b"The words.\n")
    assert text.text == "Subject: Report\n\na.txt\n\nThe words."
    program = parse(
        "mail", headers % (b"application/zip", b"a.exe", b"Content-Transfer-Encoding: base64\n") + b"f0VMRgAAAAA=\n"
    )
    assert program.warnings == ["Attachments that were not read: a.exe."]


def test_parts_without_a_boundary_are_read() -> None:
    part = "--b\nContent-Type: text/plain\n\nThe words.\n--b--\n"
    for kind in ("multipart/mixed", "multipart/mixed; boundary=other"):
        assert parse("mail", f"Subject: a\nContent-Type: {kind}\n\n{part}".encode()).text == "Subject: a\n\nThe words."
    assert "no parts at all" in parse("mail", b"Subject: a\nContent-Type: multipart/mixed\n\nno parts at all\n").text


def test_an_attached_mail_that_is_encoded_is_read() -> None:
    inner = base64.encodebytes(b"Subject: Inner\n\nThe words.\n").decode()
    source = (
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n"
        f"Content-Transfer-Encoding: base64\n\n{inner}\n--b--\n"
    )
    assert parse("mail", source.encode()).text.endswith("Subject: Inner\n\nThe words.")


def test_headers_in_any_encoding_are_read() -> None:
    encoded = base64.b64encode("镕基".encode("gb18030")).decode()
    assert parse("mail", f"Subject: =?gb2312?B?{encoded}?=\n\na".encode()).title == "镕基"
    assert parse("mail", b"Subject: =?cp-850?q?M=81ller?=\n\na").title == "Müller"
    assert parse("mail", "Subject: Größe für Müller\n\na".encode("cp1252")).title == "Größe für Müller"
    assert parse("mail", "\ufeffSubject: Größe\n\na".encode()).title == "Größe"


def test_files_in_the_text_are_attachments() -> None:
    line = binascii.b2a_uu(b"The words.").decode()
    source = f"Subject: a\n\nBefore.\n\nbegin 644 a.txt\n{line}`\nend\n\nbegin to read\nAfter.\n"
    assert (
        parse("mail", source.encode()).text
        == "Subject: a\n\nBefore.\n\n\n\nbegin to read\nAfter.\n\na.txt\n\nThe words."
    )


def test_the_mail_inside_of_a_signature_is_read() -> None:
    content = b"Content-Type: text/plain\r\n\r\nSigned words.\r\n"

    def element(tag: int, *parts: bytes, is_open: bool = False) -> bytes:
        inner = b"".join(parts)
        return bytes((tag, 0x80)) + inner + b"\0\0" if is_open else bytes((tag, len(inner))) + inner

    def signed(*octets: bytes, is_open: bool) -> bytes:
        text = element(0x24, *octets, is_open=True) if is_open else octets[0]
        data = element(0x06, bytes.fromhex("2a864886f70d010701"))
        inner = element(0x30, data, element(0xA0, text, is_open=is_open), is_open=is_open)
        body = element(0x30, element(0x02, b"\1"), element(0x31), inner, element(0x31), is_open=is_open)
        kind = element(0x06, bytes.fromhex("2a864886f70d010702"))
        return element(0x30, kind, element(0xA0, body, is_open=is_open), is_open=is_open)

    headers = b"Subject: a\nContent-Type: application/pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n"
    whole = signed(element(0x04, content), is_open=False)
    parts = signed(element(0x04, content[:20]), element(0x04, content[20:]), is_open=True)
    for data in (whole, parts):
        assert parse("mail", headers + base64.encodebytes(data)).text == "Subject: a\n\nSigned words."
        cut = parse("mail", headers + base64.encodebytes(data[:40] + b"\x80\xff"))
        assert cut.warnings == ["Attachments that were not read: smime.p7m."]


@pytest.mark.parametrize("kind", ["pkcs7-signature", "x-pkcs7-signature", "pgp-signature"])
def test_a_signature_is_no_attachment(kind: str) -> None:
    parts = f"--A\n\nSigned words.\n--A\nContent-Type: application/{kind}; name=s.sig\n\nabc\n--A--\n"
    mail = parse("mail", f"Subject: a\nContent-Type: multipart/signed; boundary=A\n\n{parts}".encode())
    assert (mail.text, mail.warnings) == ("Subject: a\n\nSigned words.", [])


def test_text_behind_an_attachment_of_the_same_form_is_read() -> None:
    """Apple Mail splits the HTML of an alternative into parts, with files between them."""
    source = (
        "Content-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nHello.\n"
        "--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>Hello.</p>\n"
        "--b\nContent-Type: text/plain; name=a.txt\nContent-Disposition: inline; filename=a.txt\n\nA file.\n"
        "--b\nContent-Type: text/html\n\n<p>Signed by the chairman.</p>\n--b--\n--a--\n"
    )
    document = parse("mail", source.encode())
    assert document.text == "Hello.\n\na.txt\n\nA file.\n\nSigned by the chairman."
