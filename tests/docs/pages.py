"""The pages of the documentation, taken apart: links, fenced blocks, code spans, commands with what they printed."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tonnage"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}.*\n", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[(?:[^\[\]]|`[^`]*`)*\]\(([^()\s]+)(?:\s+\"([^\"]*)\")?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fence:
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    command: str
    output: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The first command of the line, without the variables that are set for it, and what it is piped into."""
        words = shlex.split(self.command, comments=True)
        end = next((i for i, word in enumerate(words) if word in {"|", "&&", ";", ">", "&"}), len(words))
        start = next((i for i, word in enumerate(words) if "=" not in word), 0)
        return words[start:end]


@dataclass(frozen=True, slots=True)
class Link:
    target: str
    title: str


@dataclass(frozen=True, slots=True)
class Page:
    path: Path
    text: str

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def fences(self) -> list[Fence]:
        return [Fence(*match) for match in FENCE.findall(self.text)]

    @property
    def prose(self) -> str:
        return INDENTED.sub("", FENCE.sub("", self.text))

    @property
    def spans(self) -> list[str]:
        return [" ".join(span.split()) for span in SPAN.findall(self.prose)]

    @property
    def links(self) -> list[Link]:
        return [Link(target, title) for target, title in LINK.findall(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """As GitHub makes them."""
        plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(self.prose)]
        return {heading.replace(" ", "-") for heading in plain}

    @property
    def examples(self) -> list[Example]:
        return [example for fence in self.fences if fence.language == "console" for example in split(fence.text)]

    def section(self, heading: str) -> str:
        """From a heading to the next of any rank."""
        return re.split(r"^#+ ", self.text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def split(console: str) -> Iterator[Example]:
    for block in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, *output = block.rstrip("\n").split("\n")
        yield Example(command, tuple(output))


@cache
def pages() -> tuple[Page, ...]:
    paths = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(Page(path, path.read_text(encoding="utf-8")) for path in paths)


# Written by scripts/bench and scripts/prove; they name flags and settings of other servers
MEASURED = {
    "docs/explanation/performance.md",
    "docs/explanation/reliability.md",
    "docs/explanation/sizing-measured.md",
}


def page(name: str) -> Page:
    return next(each for each in pages() if str(each) == name)


def cells(row: str) -> list[str]:
    """Of one line of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def rows(text: str) -> list[list[str]]:
    """The lines of all tables in a text, without their heads."""
    lines = text.split("\n")
    rules = {i for i, line in enumerate(lines) if re.fullmatch(r"\|[-:| ]+\|", line)}
    return [
        cells(line) for i, line in enumerate(lines) if line.startswith("|") and i not in rules and i + 1 not in rules
    ]
