"""The admin address of the real server: probes, metrics across reloads and crashes, queues, the dashboard."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live.apps import HELD, HELLO, PID, Gate, write_app
from tests.live.server import PATIENCE_S, Running, run, serve
from tests.live.wire import Wire

ADMIN = ["--admin-bind", "127.0.0.1:0"]
CONTROL = ["--control-socket", "control"]
STREAM = """
from gates import pass_gate

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/parts":
        return [b"whole"]
    return parts()

def parts():
    yield b"first"
    pass_gate("held")
    yield b"second"
"""


def admin_url(server: Running) -> str:
    return server.log.wait_for(r"Admin pages at: (http\S+) ")[0][1]


def fetch(url: str) -> tuple[int, str]:
    host = url.removeprefix("http://").partition("/")[0]
    with closing(http.client.HTTPConnection(host, timeout=PATIENCE_S)) as connection:
        connection.request("GET", url.removeprefix(f"http://{host}"))
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def scrape(server: Running) -> dict[str, float]:
    """By name and labels, as they are written."""
    _, text = fetch(f"{admin_url(server)}/metrics")
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.type in ("counter", "histogram", "summary") or "bucket" not in sample.name
    }


def scraped(server: Running, name: str, value: float) -> dict[str, float]:
    """When it is at least so much: a worker counts a request, and a crowd, when the answers are on the way."""
    deadline = monotonic() + PATIENCE_S
    while (found := scrape(server))[name] < value:
        assert monotonic() < deadline, f"{name} is {found[name]} and was to become {value}"
    return found


def counters(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if any(end in name for end in ("_total", "_bucket", "_count"))}


def test_probes_are_answered_while_every_worker_is_busy_and_ready_is_no_more_when_it_drains(tmp_path: Path) -> None:
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", "--workers", "1", *ADMIN, cwd=tmp_path) as server:
        url = admin_url(server)
        wire = server.connect()
        wire.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        assert fetch(f"{url}/-/live") == (200, "live\n")
        assert fetch(f"{url}/-/ready") == (200, "ready: 1 of 1 workers are\n")
        server.signal(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        assert fetch(f"{url}/-/ready") == (503, "not ready: the server is draining\n")
        assert fetch(f"{url}/-/live")[0] == 200
        gate.open()
        assert wire.reply().status == 200


def test_no_counter_goes_backwards_across_reloads_and_a_kill_and_nothing_is_forgotten(tmp_path: Path) -> None:
    write_app(tmp_path, PID)
    counted_last = "tonnage_request_first_byte_seconds_count"
    with serve("app", "--workers", "2", *ADMIN, *CONTROL, cwd=tmp_path) as server:
        last = counters(scrape(server))
        asked = 0
        for turn in range(6):
            for _ in range(20):
                server.get("/", ("X-Request-Start", "t=1000000000"))
                asked += 1
            if turn in (1, 3):
                assert run("reload", *CONTROL, cwd=tmp_path).code == 0
            if turn == 4:
                scraped(server, counted_last, asked)  # what it has not counted would die with it
                victim = server.workers()[0]
                os.kill(victim, signal.SIGKILL)
                server.log.wait_for(rf"Worker \(pid: {victim}\) was killed")
            now = counters(scrape(server))
            assert now.keys() == last.keys()
            assert [name for name in now if now[name] < last[name]] == []
            last = now
        found = scraped(server, counted_last, asked)
    for histogram in ("service", "queue", "first_byte"):
        assert found[f"tonnage_request_{histogram}_seconds_count"] == asked
    assert found["tonnage_requests_total{'status': '2xx'}"] == asked
    assert found["tonnage_connections_accepted_total"] == asked
    assert found["tonnage_worker_restarts_total{'reason': 'reload'}"] == 4
    assert found["tonnage_worker_restarts_total{'reason': 'killed'}"] == 1
    assert found["tonnage_request_queue_seconds_sum"] > asked * 599  # since 2001, it said; not all of it is believed


def test_the_accept_queue_is_as_long_as_connections_wait_and_its_peak_stays(bind: str, tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    with ExitStack() as stack, serve("app", "--workers", "1", *ADMIN, cwd=tmp_path, bind=bind) as server:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        waiting = []
        for number in range(1, 8):
            wire = server.connect()
            stack.enter_context(closing(wire))
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            waiting.append(wire)
            assert queue(server) == (number, number)
        os.kill(worker, signal.SIGCONT)
        for wire in waiting:
            assert wire.reply().status == 200
        assert queue(server) == (0, 7)


def queue(server: Running) -> tuple[int, int]:
    found = scrape(server)
    label = {"listener": server.urls[0]}
    length, peak = (found[f"tonnage_accept_queue_{name}{label}"] for name in ("length", "peak_length"))
    return int(length), int(peak)


def test_a_crowd_that_is_gone_before_anybody_looks_was_seen_by_the_worker(tmp_path: Path) -> None:
    """The supervisor stands still meanwhile, so it can only have it from the worker."""
    write_app(tmp_path, HELLO)
    with serve("app", "--workers", "1", *ADMIN, cwd=tmp_path) as server:
        (worker,) = server.workers()
        os.kill(server.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGSTOP)
        wires = [server.connect() for _ in range(9)]
        for wire in wires:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        os.kill(worker, signal.SIGCONT)
        assert [wire.reply().status for wire in wires] == [200] * 9
        os.kill(server.pid, signal.SIGCONT)
        listener = {"listener": server.urls[0]}
        scraped(server, f"tonnage_accept_queue_peak_length{listener}", 2)


def test_what_waits_behind_a_long_request_is_counted_as_waiting(tmp_path: Path, bind: str) -> None:
    """In the accept queue, while the only worker is held up: no proxy says it, the kernel does (not for Unix)."""
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", "--workers", "1", *ADMIN, cwd=tmp_path, bind=bind) as server:
        first, second = server.connect(), server.connect()
        first.send(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        second.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await_silence(second, 0.25)
        gate.open()
        assert first.reply().status == second.reply().status == 200
        waited_s = scraped(server, "tonnage_request_queue_seconds_count", 2)["tonnage_request_queue_seconds_sum"]
        assert (waited_s >= 0.2) == (not bind.startswith("unix:"))


def await_silence(wire: Wire, seconds: float) -> None:
    """So much time passes, and nothing comes: time that something has to wait is what is measured here."""
    assert not select.select([wire.sock], [], [], seconds)[0]


def test_the_first_octet_of_a_stream_is_counted_when_it_is_sent(tmp_path: Path) -> None:
    write_app(tmp_path, STREAM)
    gate = Gate(tmp_path, "held")
    with serve("app", "--workers", "1", *ADMIN, cwd=tmp_path) as server:
        assert server.get("/").text == "whole"
        wire = server.connect()
        wire.send(b"GET /parts HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.until(b"first")
        gate.wait_until_reached()
        await_silence(wire, 0.2)
        gate.open()
        wire.until(b"second")
        wire.until(b"0\r\n\r\n")
        server.get("/")
        found = scraped(server, "tonnage_request_first_byte_seconds_count", 3)
    assert found["tonnage_request_first_byte_seconds_count"] == found["tonnage_request_service_seconds_count"] == 3
    assert found["tonnage_request_service_seconds_sum"] - found["tonnage_request_first_byte_seconds_sum"] >= 0.2


def test_an_upgraded_server_answers_there_when_the_old_one_is_gone(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    admin = f"unix:{tmp_path / 'admin'}"
    with serve("app", "--admin-bind", admin, "--pid", "pid", *CONTROL, cwd=tmp_path) as server:
        assert run("upgrade", *CONTROL, cwd=tmp_path).code == 0
        server.log.wait_for("has taken over")
        server.log.wait_for(r"Admin pages at: unix:", times=2)
        new = int((tmp_path / "pid").read_text())
        assert new != server.pid
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE_S)
            sock.connect(str(tmp_path / "admin"))
            sock.sendall(b"GET /-/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b""
            while more := sock.recv(65536):
                data += more
        assert json.loads(data.partition(b"\r\n\r\n")[2])["pid"] == new
        os.kill(new, signal.SIGTERM)
        server.log.wait_for(rf"Shutting down: supervisor \(pid: {new}\)")


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[str]:
    """A real one, scraping once a second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("PROMETHEUS IS NOT HERE: apt-get install prometheus; nothing is known of how it reads our metrics")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: tonnage, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0",
        ],
        cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        while "Server is ready to receive web requests" not in said and (line := process.stderr.readline()):
            said += line
        (address,) = re.findall(r'msg="Listening on".* address=(\S+)', said)
        yield f"http://{address}"
    finally:
        process.kill()
        process.communicate()


def ask_prometheus(url: str, expression: str) -> list[dict[str, Any]]:
    with urlopen(f"{url}/api/v1/query?query={quote(expression)}") as reply:
        found: list[dict[str, Any]] = json.load(reply)["data"]["result"]
    return found


def query(url: str, expression: str) -> list[float]:
    return [float(each["value"][1]) for each in ask_prometheus(url, expression)]


def histories(url: str, selector: str) -> dict[str, list[float]]:
    """Every scraped value of each series, the oldest first."""
    found = ask_prometheus(url, f"{selector}[1h]")
    return {str(each["metric"]): [float(value) for _, value in each["values"]] for each in found}


def test_a_real_prometheus_sees_no_counter_go_backwards_across_two_reloads(tmp_path: Path) -> None:
    """Scraped once a second under load; TONNAGE_PROMETHEUS_SCRAPES=300 makes it five minutes."""
    scrapes = int(os.environ.get("TONNAGE_PROMETHEUS_SCRAPES", "8"))
    write_app(tmp_path, PID)
    with (
        serve("app", "--workers", "2", *ADMIN, *CONTROL, cwd=tmp_path) as server,
        prometheus(tmp_path, admin_url(server).removeprefix("http://")) as url,
    ):
        asked = ask_until_scraped(server, url, scrapes // 3)
        assert run("reload", *CONTROL, cwd=tmp_path).code == 0
        asked += ask_until_scraped(server, url, 2 * scrapes // 3)
        assert run("reload", *CONTROL, cwd=tmp_path).code == 0
        asked += ask_until_scraped(server, url, scrapes)
        last = query(url, "sum_over_time(up[1h])")[0]
        while query(url, "sum_over_time(up[1h])")[0] < last + 2:
            pass
        series = histories(url, '{__name__=~"tonnage_.*(_total|_bucket|_count)"}')
        assert len(series) > 100
        assert [name for name, values in series.items() if values != sorted(values)] == []
        assert query(url, "avg_over_time(up[1h])")[0] > 0.5  # a scrape that takes a second is given up
        assert query(url, "sum(last_over_time(tonnage_requests_total[1h]))") == [asked]
        assert query(url, "last_over_time(tonnage_generation[1h])") == [3]
        (p95_s,) = query(url, "histogram_quantile(0.95, sum by (le) (tonnage_request_service_seconds_bucket))")
        assert 0 < p95_s < 60
        print(f"{len(series)} series, {last + 2:.0f} scrapes, {asked} requests, p95 {p95_s * 1e3:.2f} ms")  # noqa: T201  # for who runs it long


def ask_until_scraped(server: Running, url: str, scrapes: int) -> int:
    """Requests, until Prometheus has come so often since it began; how many."""
    asked = 0
    while not (found := query(url, "count_over_time(up[1h])")) or found[0] < scrapes:
        for _ in range(20):
            assert server.get().status == 200
        asked += 20
    return asked


def test_the_dashboard_shows_live_figures_in_a_real_browser(tmp_path: Path) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("CHROMIUM IS NOT HERE: apt-get install chromium; nobody has seen the dashboard")
    reason = "PLAYWRIGHT IS NOT HERE: pip install playwright; nobody has seen the dashboard"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    write_app(tmp_path, HELD)
    gate = Gate(tmp_path, "held")
    with serve("app", "--workers", "2", *ADMIN, cwd=tmp_path) as server, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        strangers: list[str] = []
        url = admin_url(server)
        page.on("request", lambda request: strangers.append(request.url))
        page.goto(url)
        page.locator("#headline", has_text="2 of 2 workers ready").wait_for()
        assert page.locator("canvas").count() == 6
        for _ in range(30):
            server.get()
        page.locator("[data-name=requests] b", has_text=re.compile("^30$")).wait_for()
        wire = server.connect()
        wire.send(b"GET /held?<img/src=x> HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_until_reached()
        page.locator("#workers", has_text="GET /held?<img/src=x>").wait_for()
        drawn = page.evaluate(
            "[...document.querySelectorAll('canvas')].map((c) => new Set(c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data).size)"
        )
        assert min(drawn) > 3
        if os.environ.get("TONNAGE_SCREENSHOT"):
            page.screenshot(path=os.environ["TONNAGE_SCREENSHOT"], full_page=True)
        gate.open()
        assert wire.reply().status == 200
        browser.close()
    assert (problems, [each for each in strangers if not each.startswith((url, "data:"))]) == ([], [])
