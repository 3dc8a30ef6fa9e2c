"""The pages of the admin address, without a socket."""

import json

import pytest

from tonnage.control.overview import Overview, WorkerView, from_object
from tonnage.control.pages import ASSETS, answer, is_foreign

READY = WorkerView(7, 0, 1, 1, "ready", 1.0, 0, 0, ())
BOOTING = WorkerView(8, 1, 2, 1, "booting", 1.0, 0, 0, ())


def seen(mode: str = "serving", *workers: WorkerView) -> Overview:
    return Overview("0.1.0", 1, mode, 1, 2, 9.0, (), workers)


def never() -> Overview:
    raise AssertionError("this page needs no look")


@pytest.mark.parametrize(
    ("mode", "workers", "status", "why"),
    [
        ("serving", (READY, BOOTING), "200 OK", "ready: 1 of 2 workers are"),
        ("serving", (BOOTING,), "503 Service Unavailable", "not ready: no worker is, of 2 that are wanted"),
        ("starting", (BOOTING,), "503 Service Unavailable", "not ready: the server is starting"),
        ("draining", (READY,), "503 Service Unavailable", "not ready: the server is draining"),
        ("quitting", (), "503 Service Unavailable", "not ready: the server is quitting"),
    ],
)
def test_ready_is_who_takes_requests(mode: str, workers: tuple[WorkerView, ...], status: str, why: str) -> None:
    page = answer("GET", "/-/ready", lambda: seen(mode, *workers))
    assert (page.status, page.content) == (status, f"{why}\n".encode())


def test_live_is_whoever_answers() -> None:
    assert answer("HEAD", "/-/live", never).status == "200 OK"


def test_the_status_is_the_observation() -> None:
    page = answer("GET", "/-/status", lambda: seen("serving", READY))
    assert from_object(json.loads(page.content)) == seen("serving", READY)


def test_metrics_are_there() -> None:
    page = answer("GET", "/metrics", seen)
    assert page.kind.startswith("text/plain; version=0.0.4")
    assert b"tonnage_workers_wanted 2\n" in page.content


@pytest.mark.parametrize("path", ASSETS)
def test_the_dashboard_and_all_its_parts_are_here(path: str) -> None:
    page = answer("GET", path, never)
    assert page.status == "200 OK"
    assert len(page.content) > 500
    assert b"//cdn" not in page.content
    assert dict(page.all_fields)["Content-Security-Policy"].startswith("default-src 'self';")


@pytest.mark.parametrize("path", ["/metrics/", "/dashboard/../../pages.py", "/..", "*", "", "/favicon.ico"])
def test_nothing_else_is(path: str) -> None:
    assert answer("GET", path, never).status == "404 Not Found"


def test_they_are_only_read() -> None:
    page = answer("POST", "/metrics", never)
    assert page.status == "405 Method Not Allowed"
    assert ("Allow", "GET, HEAD") in page.all_fields


@pytest.mark.parametrize(
    ("host", "foreign"),
    [
        ("", False), ("localhost", False), ("LOCALHOST:9090", False), ("127.0.0.1:80", False), ("[::1]:80", False),
        ("[::1]", False), ("10.1.2.3", False), ("evil.example", True), ("evil.example:9090", True),
        ("localhost.evil.example", True), ("127.0.0.1.evil.example:80", True), (":", True),
    ],
)  # fmt: skip
def test_a_name_that_a_browser_was_talked_into_is_not_ours(host: str, foreign: bool) -> None:
    assert is_foreign(host) is foreign
