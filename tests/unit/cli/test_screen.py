"""The screen of `tonnage top`, drawn by rich and read by pyte: a terminal in memory."""

from __future__ import annotations

import io

import pyte
import pytest
from rich.console import Console

from tonnage.cli.screen import frame
from tonnage.control.overview import Advice, InFlight, ListenerView, Overview, Quantiles, WorkerView


def worker(number: int, busy: float = 0.5, state: str = "ready") -> WorkerView:
    lines = (InFlight(f"GET /page/{number}?q=\x1b[2J{'x' * 200} HTTP/1.1", 2.5),) if busy else ()
    return WorkerView(
        40000 + number, number, number, 3, state, 3700.0 + number, 90210, 5, lines, rps=1234.5, busy=busy,
        service=Quantiles(0.00048, 0.0125, 1.25), pss=220 << 20,
    )  # fmt: skip


def overview(*workers: WorkerView, capped: tuple[Advice, ...] = ()) -> Overview:
    listeners = (ListenerView("http://127.0.0.1:8000", 3, 2048, 70), ListenerView("unix:/run/s", None, None))
    return Overview(
        "0.1.0", 39999, "serving", 3, 2, 7300.0, listeners, workers, unix_s=1090.0, rps=2469.0, busy=0.5, cpu=0.8,
        cpus=2.0, headroom=0.5, service=Quantiles(0.001, 0.01, 0.1), capped=capped,
    )  # fmt: skip


def drawn(seen: Overview, width: int = 80, height: int = 24) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height, color_system="standard")
    console.print(frame(seen, height))
    screen = pyte.Screen(width, height + 50)
    pyte.Stream(screen).feed(out.getvalue().replace("\n", "\r\n"))
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def test_it_fits_80_by_24_and_tells_each_worker() -> None:
    lines = drawn(overview(worker(1), worker(2, busy=0.0)))
    assert len(lines) <= 24
    assert lines[0] == "tonnage 0.1.0 (39999) serving 2 h 1 min, generation 3, 2 of 2 workers ready"
    assert lines[1] == "2469.0 requests/s, p50 1.0 ms, p95 10.0 ms, p99 100.0 ms; queued p95 0 us"
    assert lines[2].startswith("[||||||||||          ] 1 in flight, threads 50% busy, 0.80 of 2 CPUs")
    assert lines[3] == "http://127.0.0.1:8000: 3 wait, 70 at most within a minute, of 2048"
    assert lines[4] == "unix:/run/s"
    head, first, second = lines[6:9]
    assert head.split() == ["PID", "GEN", "STATE", "UP", "BUSY", "REQ/S", "P50", "P95", "P99", "PSS", "NOW"]
    assert first.split()[:11] == [
        "40001", "3", "ready", "1h", "50%", "1234.5", "480us", "12.5ms", "1.25s", "220.0M", "GET",
    ]  # fmt: skip
    assert second.split()[-1] == "-"
    assert lines[-1] == "q quits"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 10), (40, 12), (200, 50)])
def test_whatever_the_size_nothing_is_beyond_it(width: int, height: int) -> None:
    seen = overview(*(worker(number) for number in range(60)), capped=(Advice("cpu", "all of it " * 40, 1000.0),))
    lines = drawn(seen, width, height)
    assert len(lines) <= height
    assert lines[-1] == f"and {60 - (len(lines) - 9)} less busy workers, q quits"


def test_of_too_many_the_busiest_are_shown_in_their_order() -> None:
    crowd = [worker(number, busy=number % 7 / 7) for number in range(60)]
    shown = [int(line.split()[0]) for line in drawn(overview(*crowd)) if line[:2] == "40"]
    assert shown == sorted(shown)
    assert {(pid - 40000) % 7 for pid in shown} <= {5, 6}


def test_what_caps_the_server_stands_above_its_workers() -> None:
    lines = drawn(overview(worker(1), capped=(Advice("workers", "--workers 3 \x1b[31m", 1000.0),)))
    assert lines[5] == "capped by workers for 1 min 30 s: --workers 3 \\x1b[31m"


def test_no_request_line_steers_the_terminal() -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=200).print(frame(overview(worker(1)), 24))
    assert "\x1b[2J" not in out.getvalue()
    assert "\\x1b[2J" in out.getvalue()
