"""Wrong command lines: each kind of mistake gets a message with the correct form."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from svc.cli.main import main

UUID_EXAMPLE = "a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057"
MISTAKES = {
    "serv": "There is no command serv; did you mean serve?",
    "xyzzy": "There is no command xyzzy.",
    "user shw": "There is no command shw; did you mean show?",
    "serve --prot 1": "There is no option --prot; did you mean --port?",
    "user create": "EMAIL is required: text.",
    "user show": "USER is required: the id, the email address or the external id of a user.",
    "key revoke ada": f"KEY_ID is required: {UUID_EXAMPLE}.",
    "key revoke ada 5": f"KEY_ID must be {UUID_EXAMPLE}.",
    "usage show 0198c0de-0000-7000-8000-000000000000 --by year": "--by must be one of day, month.",
    "usage users --limit 0": "--limit must be an integer from 1 to 1000.",
    "usage users --limit ten": "--limit must be an integer from 1 to 1000.",
    "usage users --from yesterday": "--from must be a date, such as 2027-01-31.",
    "migrate rollback --count 0": "--count must be an integer of at least 1.",
    "import none.ndjson": "FILE must be a file that can be read, or - for standard input.",
    "serve --port": "The option --port needs a value after it.",
    "doctor --json=yes": "The option --json takes no value.",
    "bench --sizes many": "--sizes: give whole numbers, separated by commas.",
    "keys": "There is no command keys; did you mean key?",
    "user create a@b c": "The command does not take these words: c.",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_wrong_command_line_says_what_to_write(words: str) -> None:
    result = CliRunner().invoke(main, words.split())

    assert result.exit_code == 2
    assert result.output.splitlines()[-1] == f"Error: {MISTAKES[words]}"
