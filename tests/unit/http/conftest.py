"""Every test begins with empty memos: what one has taught them must not decide another."""

import pytest

from tonnage.http import fields, write


@pytest.fixture(autouse=True)
def forget() -> None:
    for memo in (fields._lines, fields._names, write._pairs, write._roles, write._statuses):
        memo.clear()
