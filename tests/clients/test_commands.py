"""The commands over HTTP as users type them: from any folder, with a profile or with flags."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cabinet_client import Cabinet
from svc.cli.main import main
from tests.clients.losing_proxy import losing_proxy
from tests.server_process import CABINET, ServerProcess, clean_environment

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "faq").mkdir()
    (tmp_path / "faq/post.txt").write_text("A parcel to Norway takes four days.")
    (tmp_path / "faq/moon.md").write_text("# The Moon\n\nThe Moon is 384,400 km away.")
    return tmp_path / "faq"


@pytest.fixture
def key(admin: Cabinet, request: pytest.FixtureRequest) -> str:
    return admin.users.create(f"{request.node.name[5:40]}@example.com").api_key


@pytest.fixture
def run(server: ServerProcess, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line for the user, and returns its output."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CABINET_URL", server.url)
    monkeypatch.setenv("CABINET_KEY", key)

    def invoke(*words: object, expect: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == expect, result.output
        return result

    return invoke


def test_a_folder_is_uploaded_searched_and_asked(run: Run, folder: Path) -> None:
    assert run("upload", folder).output.strip() == "2 uploaded, 0 unchanged"
    found = run("search", "How long does a parcel take?", "--limit", 1).output
    as_json = json.loads(run("search", "How long does a parcel take?", "--limit", 1, "--json").output)
    prompt = run("ask", "How long does a parcel take?", "--limit", 1).output
    listed = run("document", "list").output
    document_id = as_json["results"][0]["document_id"]

    assert found.startswith("1. post.txt, chunk 0")
    assert "A parcel to Norway takes four days." in found
    assert prompt.splitlines()[-1] == "Question: How long does a parcel take?"
    assert "[1] post.txt, chunk 0:" in prompt
    assert "post.txt" in listed
    assert "moon.md" in listed
    assert run("document", "text", document_id).output.strip() == "A parcel to Norway takes four days."
    assert json.loads(run("document", "show", document_id).output)["status"] == "ready"
    assert run("document", "delete", document_id).output.strip() == f"deleted {document_id}"
    assert "post.txt" not in run("document", "list").output


def test_an_upload_sends_only_what_has_changed(run: Run, folder: Path) -> None:
    run("upload", folder)
    again = run("upload", folder).output.strip()
    os.utime(folder / "post.txt")
    touched = run("upload", folder).output.strip()
    (folder / "post.txt").write_text("A parcel to Norway takes five days.")
    changed = run("upload", folder).output.strip()
    (folder / "moon.md").unlink()
    kept = run("upload", folder).output.strip()
    mirrored = run("upload", folder, "--mirror").output.strip()

    assert (again, touched) == ("0 uploaded, 2 unchanged", "0 uploaded, 2 unchanged")
    assert changed == "1 uploaded, 1 unchanged"
    assert (kept, mirrored) == ("0 uploaded, 1 unchanged", "0 uploaded, 1 unchanged, 1 deleted")
    documents = json.loads(run("document", "list", "--json").output)
    assert [document["filename"] for document in documents] == ["post.txt"]
    assert "five days" in run("search", "parcel").output


def test_a_document_that_was_deleted_there_is_uploaded_again(run: Run, folder: Path) -> None:
    run("upload", folder)
    documents = json.loads(run("document", "list", "--json").output)
    run("document", "delete", *(document["id"] for document in documents))

    assert run("upload", folder).output.strip() == "2 uploaded, 0 unchanged"


def test_a_file_that_cannot_be_read_is_named_and_tried_again(run: Run, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    (folder / "dot.gif").write_bytes(b"GIF89a\1\0\1\0")

    first = run("upload", folder, expect=1)
    (folder / "dot.gif").unlink()
    second = run("upload", folder, expect=1)

    assert "broken.pdf: The PDF cannot be read" in first.output
    assert "dot.gif: The file looks like a GIF image" in first.output
    assert first.output.splitlines()[-1] == "3 uploaded, 0 unchanged, 2 failed"
    assert second.output.splitlines()[-1] == "1 uploaded, 2 unchanged, 1 failed"


def test_a_web_page_is_uploaded_under_its_name(run: Run, server: ServerProcess) -> None:
    run("upload", f"{server.url}/openapi.json", expect=0)
    run("upload", f"{server.url}/nowhere", expect=1)

    assert "openapi.json" in run("document", "list").output


def test_links_out_of_a_folder_are_left_out_and_named(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_text("a private key")
    (folder / ".env").write_text("KEY=hidden")
    (folder / "notes.txt").symlink_to(tmp_path / "id_rsa")
    (folder / "settings.txt").symlink_to(".env")
    (folder / "again.txt").symlink_to("post.txt")

    uploaded = run("upload", folder)

    assert [line for line in uploaded.output.splitlines() if line] == [
        "notes.txt: skipped, since it is a link to a hidden file or out of the folder",
        "settings.txt: skipped, since it is a link to a hidden file or out of the folder",
        "3 uploaded, 0 unchanged",
    ]
    documents = json.loads(run("document", "list", "--json").output)
    assert {document["filename"] for document in documents} == {"post.txt", "moon.md", "again.txt"}
    assert run("upload", folder / "notes.txt").output.strip() == "1 uploaded, 0 unchanged"


def test_a_watched_folder_is_followed(server: ServerProcess, key: str, folder: Path, tmp_path: Path) -> None:
    environment = clean_environment(CABINET_URL=server.url, CABINET_KEY=key, XDG_CONFIG_HOME=str(tmp_path / "config"))
    watching = subprocess.Popen(
        [*CABINET, "upload", folder, "--watch"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().strip() == "2 uploaded, 0 unchanged"
        time.sleep(0.01)
        (folder / "new.txt").write_text("The new file.")
        assert watching.stdout.readline().strip() == "1 uploaded, 2 unchanged"
    finally:
        watching.terminate()
        watching.wait(30)
        if watching.stdout is not None:
            watching.stdout.close()


def test_conversations_are_listed_and_shown(run: Run, server: ServerProcess, key: str) -> None:
    with Cabinet(server.url, key) as client:
        conversation = client.conversations.create(title="Post")
        client.conversations.append(conversation.id, {"role": "user", "content": "How long?\x1b[31m"})

    assert "Post" in run("chat", "list").output
    assert run("chat", "show", conversation.id).output.splitlines() == ["1. user", "How long?\\x1b[31m", ""]


def test_a_collection_is_filled_and_shared_and_the_share_revoked(
    run: Run, server: ServerProcess, admin: Cabinet
) -> None:
    with Cabinet(server.url, os.environ["CABINET_KEY"]) as client:
        document = client.documents.create("tide.txt", "The tide comes twice a day.")
        client.documents.wait([document])
    reader = admin.users.create("vera@example.com")
    collection = run("collection", "create", "Sea\x1b[31m", "--description", "About it").output.strip()

    assert run("collection", "add", collection, document.id).output.strip() == "added 1"
    assert "Sea\\x1b[31m" in run("collection", "list").output
    assert "tide.txt" in run("collection", "files", collection, "--status", "ready").output
    assert json.loads(run("collection", "files", collection, "--json").output)[0]["document_id"] == str(document.id)
    assert run("collection", "share", collection, "vera@example.com").output.strip() == f"shared with {reader.user.id}"
    shown = run("collection", "show", collection).output
    assert "1: 1 ready" in shown
    assert f"reader      {reader.user.id}" in shown
    theirs = ("--key", reader.api_key)
    assert json.loads(run("collection", "list", "--shared", "--json", *theirs).output)[0]["access"] == "reader"
    assert json.loads(run("collection", "show", collection, "--json", *theirs).output)["readers"] == []
    assert "tide.txt" in run("collection", "files", collection, *theirs).output
    run("collection", "delete", collection, *theirs, expect=1)
    assert "no longer shared" in run("collection", "unshare", collection, "vera@example.com").output
    assert "there is no such collection" in run("collection", "show", collection, *theirs, expect=1).output
    assert run("collection", "delete", collection).output.strip() == f"deleted {collection}"
    assert run("collection", "list", "--json").output.strip() == "[]"


def test_a_login_is_saved_for_this_user_alone(
    run: Run, server: ServerProcess, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CABINET_KEY")
    monkeypatch.delenv("CABINET_URL")
    without = run("document", "list", expect=2).output
    wrong = run("login", "--url", server.url, "--key", "cab_wrong", expect=1).output
    said = run("login", "--url", server.url, "--key", key).output
    profile = tmp_path / "config/cabinet/profile.json"
    mode = stat.S_IMODE(profile.stat().st_mode)
    run("document", "list")
    profile.chmod(0o644)
    readable = run("document", "list", expect=2).output
    run("logout")

    assert "Run cabinet login" in without
    assert "unknown" in wrong
    assert said.startswith("You are ")
    assert mode == 0o600
    assert "chmod 600" in readable
    assert not profile.exists()


def test_the_admin_names_a_user_by_email_address(run: Run, server: ServerProcess, admin: Cabinet, key: str) -> None:
    with Cabinet(server.url, key) as client:
        email = client.me().email
        client.documents.create("theirs.txt", "Theirs.")

    assert "theirs.txt" in run("document", "list", "--key", server.admin_key, "--user", email).output


def test_the_admin_names_a_user_by_external_id(run: Run, server: ServerProcess, admin: Cabinet) -> None:
    created = admin.users.create("jörg@example.com", external_id="jörg@example.org")
    named = admin.for_user("jörg@example.org")
    assert named.me().id == created.user.id
    assert admin.users.get(external_id="jörg@example.org").id == created.user.id
    assert admin.users.get("external:jörg@example.org").id == created.user.id
    named.documents.create("theirs.txt", "Theirs.")

    for name in ("external:jörg@example.org", "jörg@example.org", "JÖRG@example.com"):
        assert "theirs.txt" in run("document", "list", "--key", server.admin_key, "--user", name).output
    unknown = run("document", "list", "--key", server.admin_key, "--user", "nobody@example.org", expect=1).output
    assert "there is no user nobody@example.org" in unknown


def test_an_error_names_a_service_that_is_away(run: Run, server: ServerProcess) -> None:
    with losing_proxy(server.url) as proxy:
        gone = proxy.url

    assert "ConnectError" in run("document", "list", "--url", gone, expect=1).output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert "_CABINET_COMPLETE" in result.output
