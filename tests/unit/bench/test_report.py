"""The page says what the JSON says."""

from pathlib import Path

from bench.cases import CASES
from bench.peers import PEERS
from bench.report import case_table, page, quiet, write
from bench.results import Results, Round

HELLO = CASES[0]
ABOUT = dict.fromkeys(
    ("date", "commit", "processor", "cores", "kernel", "python", "wrk", "rounds", "seconds", "idle"), "?"
)


def results(disturbed: float = 0.0) -> Results:
    made = Results(ABOUT, {"gunicorn": "27.0.1"})
    for cpu_s in (0.21, 0.20, 0.25):
        figures = {"cpu_s_per_1000": cpu_s, "requests_per_s": 4000.0, "p50_ms": 1.0, "p99_ms": 2.0}
        made.add("hello", "gunicorn sync", Round(figures, ["ends the connection"], disturbed=disturbed))
        made.add("hello", "waitress", Round(failure="status 500 instead of 200"))
    return made


def test_a_figure_is_the_median_with_the_lowest_and_the_highest() -> None:
    assert "| 0.2100 (0.2000 to 0.2500) | 4,000 " in case_table(HELLO, results())


def test_who_failed_stands_last_with_the_reason() -> None:
    assert "status 500 instead of 200" in case_table(HELLO, results()).splitlines()[-1]


def test_a_loud_machine_is_admitted() -> None:
    assert "not quiet" in quiet(results(disturbed=0.5))
    assert "not quiet" not in quiet(results())


def test_the_page_can_be_made_again_from_the_json(tmp_path: Path) -> None:
    write(results(), tmp_path)
    assert page(Results.load(tmp_path / "performance.json")) == (tmp_path / "performance.md").read_text()


def test_every_command_line_can_be_made() -> None:
    names = ("python", "bin", "app", "module", "call", "port", "workers", "scratch", "config")
    for peer in PEERS:
        assert peer.arguments(dict.fromkeys(names, "x"))
