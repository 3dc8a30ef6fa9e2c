"""Every command that is shown can be typed."""

from importlib import import_module

import pytest

from tests.docs.pages import Example, Page, pages
from tonnage.cli.main import COMMANDS, OPERATIONS, STUDIES
from tonnage.config import command_line
from tonnage.errors import UsageError


def read(words: list[str]) -> None:
    """As the command does; raises UsageError."""
    assert words[0] == "tonnage"
    if words[1:2] and words[1] in STUDIES:
        words = [*words[:1], *import_module(f"tonnage.cli.{words[1]}").parser().parse_known_args(words[2:])[1]]
    flags = [word for word in words[1:] if word not in {"--version", "--help", "--json", "--quick"}]
    command_line.given(flags[1:] if flags and flags[0] in {*COMMANDS, *OPERATIONS} else flags)


def shown(on: Page) -> list[Example]:
    """In console blocks, and in the text."""
    named = [Example(span, ()) for span in on.spans if span.startswith("tonnage ") and " | " not in span]
    return [example for example in (*on.examples, *named) if example.words[:1] == ["tonnage"]]


@pytest.mark.parametrize("each", [page for page in pages() if shown(page)], ids=str)
def test_every_command_line_parses_or_is_shown_with_its_refusal(each: Page) -> None:
    for example in shown(each):
        if example.output and example.output[0].startswith("tonnage: there is no flag"):
            with pytest.raises(UsageError) as refusal:
                read(example.words)
            assert example.output == (f"tonnage: {refusal.value}",)
        else:
            read(example.words)
