"""For every test: a failure of hypothesis is the same on every machine, and no test is judged by the clock."""

import hypothesis

from tonnage.http import connection

hypothesis.settings.register_profile("tonnage", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tonnage")


def pytest_report_header() -> str:
    path = connection.__file__
    return f"tonnage: {'pure Python' if path.endswith('.py') else 'compiled'}, {path}"
