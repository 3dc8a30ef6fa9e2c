"""What the shows have found is judged by figures, and every verdict of the page comes from them."""

from pathlib import Path

from prove import report
from prove.peers import PEERS
from prove.results import Result, Results
from prove.scenarios import SCENARIOS

RELOAD = next(scenario for scenario in SCENARIOS if scenario.name == "reload")
OURS = next(peer for peer in PEERS if peer.is_ours)
QUIET_MS = [4.0] * 300


def found(result: Result) -> Results:
    results = Results(dict.fromkeys(("date", "commit", "cores", "kernel", "python", "rate", "patience"), "?"), {})
    results.add(RELOAD.name, OURS.name, result, RELOAD.kind, QUIET_MS)
    return results


def test_the_promise_is_kept_when_nothing_is_lost_and_nobody_waits() -> None:
    results = found(Result(requests=1000, measured=1000, p99_ms=11.9))
    assert report.is_kept(results)
    assert report.cell(results, RELOAD, OURS.name) == "0, 3.0x"


def test_one_lost_request_breaks_it() -> None:
    results = found(Result(requests=1000, lost=1, measured=999, p99_ms=4.0))
    assert report.shortcomings(results, RELOAD, OURS) == ["1 of 1,000 requests lost"]


def test_so_does_a_p99_of_more_than_three_times_the_quiet_one() -> None:
    results = found(Result(requests=1000, measured=1000, p99_ms=12.1))
    assert report.shortcomings(results, RELOAD, OURS) == ["p99 was 3.0 times the quiet one"]


def test_so_does_what_could_not_be_shown_or_was_not_said() -> None:
    assert not report.is_kept(found(Result(trouble="it did not come up")))
    assert not report.is_kept(found(Result(flaws=["not in the log: SIGKILL"])))


def test_what_is_excused_does_not() -> None:
    assert report.is_kept(found(Result(requests=1000, excused=2)))


def test_a_handful_of_latencies_says_nothing() -> None:
    assert found(Result(requests=100, measured=100, p99_ms=99.0)).ratio(RELOAD.name, OURS.name, RELOAD.kind) is None


def test_the_page_can_be_written_again_from_its_figures(tmp_path: Path) -> None:
    results = found(Result(requests=1000, lost=7, outcomes={"reset ECONNRESET": 7}, measured=993, p99_ms=4.0))
    report.write(results, tmp_path)
    again = Results.load(tmp_path / "reliability.json")
    assert report.page(again) == (tmp_path / "reliability.md").read_text()
    assert "7 of 1,000 requests lost" in report.page(again)
