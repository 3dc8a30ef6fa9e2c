from pathlib import Path

from tonnage.config import reference
from tonnage.config.model import SECTIONS, SPECS
from tonnage.config.resolve import verdict

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def test_the_committed_page_is_current() -> None:
    """If not: python -m tonnage.config.reference > docs/reference/settings.md."""
    assert PAGE.read_text() == reference.page()


def test_every_setting_is_on_the_page_with_its_verdict() -> None:
    page = reference.page()
    for name in SPECS:
        assert page.count(f"\n| `{name}` |") == 1
        assert verdict(name)


def test_a_table_has_as_many_columns_in_every_row() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {7}


def test_every_default_of_ours_has_its_reason() -> None:
    for name in (
        "limit_request_body",
        "head_timeout",
        "body_timeout",
        "write_timeout",
        "keepalive",
        "limit_request_line",
    ):
        assert SPECS[name].why


def test_every_section_has_a_title_of_its_own() -> None:
    titles = [spec.section for spec in SPECS.values()]
    assert len(dict.fromkeys(titles)) == len(SECTIONS)
