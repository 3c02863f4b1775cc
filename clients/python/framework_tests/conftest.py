"""A client of a new user, and the service in CABINET_URL with the admin's key in CABINET_ADMIN_KEY.

`make frameworks` runs these tests in an environment with LangChain and LlamaIndex, against a service of the test suite.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from cabinet_client import Cabinet


@pytest.fixture(scope="session")
def cabinet() -> Iterator[Cabinet]:
    with Cabinet(key=os.environ["CABINET_ADMIN_KEY"]) as admin:
        created = admin.users.create(f"{uuid.uuid4()}@example.com")
    with Cabinet(key=created.api_key) as client:
        yield client
