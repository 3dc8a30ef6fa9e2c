"""Pages that are read in one go stay short."""

import re

from tests.docs.pages import MEASURED, ROOT, page, pages

DECISIONS = [each for each in pages() if each.path.parent.name == "decisions"]
PARTS = ["Context", "Decision", "What we gave up"]


def lines(name: str) -> int:
    return page(name).text.count("\n")


def test_contributing_fits_one_screen() -> None:
    assert lines("CONTRIBUTING.md") <= 60


def test_the_readme_fits_one_screen_and_a_half() -> None:
    assert lines("README.md") <= 75


def test_a_decision_has_its_three_parts_on_forty_lines() -> None:
    assert DECISIONS
    for each in DECISIONS:
        assert each.text.count("\n") <= 40, each
        assert re.findall(r"^## (.+)$", each.text, re.MULTILINE) == PARTS, each


def test_decisions_are_numbered_and_named_by_their_titles() -> None:
    numbers = [each.path.name[:4] for each in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    for each in DECISIONS:
        title = each.text.split("\n")[0].removeprefix("# ")
        assert each.path.stem == re.sub(r"[^a-z0-9]+", "-", title.lower())


def test_no_line_of_prose_is_wider_than_a_screen() -> None:
    generated = {"docs/reference/settings.md", *MEASURED}
    wide = [
        f"{each}: {line}"
        for each in pages()
        if str(each) not in generated
        for line in each.prose.split("\n")
        if len(line) > 120 and not line.startswith("|") and "](" not in line
    ]
    assert wide == []


def test_no_page_names_a_place_on_somebodys_machine() -> None:
    assert [str(each) for each in pages() if re.search(r"/(root|home)/(?!mysite)", each.text)] == []
    assert str(ROOT) not in "".join(each.text for each in pages())
