"""Mails and mailboxes are read whole: no body, link, report or mail is lost in silence."""

from __future__ import annotations

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
