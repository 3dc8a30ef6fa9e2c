"""For every test: a failure of hypothesis is the same on every machine, and no test is judged by the clock."""

import importlib

import hypothesis

hypothesis.settings.register_profile("tonnage", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tonnage")


def pytest_report_header() -> str:
    try:
        path = importlib.import_module("tonnage.http.connection").__file__ or ""
    except ModuleNotFoundError:  # scripts/check installs nothing of ours
        return "tonnage: not installed"
    return f"tonnage: {'pure Python' if path.endswith('.py') else 'compiled'}, {path}"
