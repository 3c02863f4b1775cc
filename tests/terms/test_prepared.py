"""The tables of the characters of all scripts are made before the first request."""

from __future__ import annotations

import pytest

from svc.terms import splitting, words
from svc.terms.words import Words
from tests.conftest import Service

_TABLES = (splitting._any_word, splitting._spaced_codes, words._many_marks)


@pytest.fixture
def forgotten() -> None:
    """A process that has not made any tables yet."""
    for table in _TABLES:
        table.cache_clear()


@pytest.mark.usefixtures("forgotten")
async def test_the_first_query_in_another_script_makes_no_table(service: Service) -> None:
    made = [table.cache_info().misses for table in _TABLES]
    text = "Größe 日本語 हिन्दी Z" + "\N{COMBINING DIAERESIS}" * 12
    service.services.query_terms.words.query(text, ())
    service.services.query_terms.words.of_text(text)
    assert [table.cache_info().misses for table in _TABLES] == made == [1, 1, 1]
    assert Words("english").query("日本語").counts
