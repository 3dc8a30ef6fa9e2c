"""What goes wrong on the example site, on purpose: the fault stays with the request that has it."""

import json

import pytest

from tests.live.sites import Site
from tests.live.wire import request

pytestmark = pytest.mark.timeout(600)  # the first test makes a site, which a busy machine may take minutes for


def test_a_page_that_raises_is_the_site_s_own_500_and_the_traceback_is_in_the_log(
    harbour: Site, workers: list[str]
) -> None:
    with harbour.serve(*workers) as server:
        reply = server.get("/faults/error/")
        assert (reply.status, "Taking on water" in reply.text) == (500, True)
        server.log.wait_for("RuntimeError: this page fails on purpose")
        assert server.get("/hello/").status == 200


def test_a_worker_that_crashes_is_replaced_and_the_log_names_the_signal(harbour: Site, workers: list[str]) -> None:
    with harbour.serve(*workers) as server:
        wire = server.connect()
        wire.send(request("GET", "/faults/crash/"))
        assert wire.rest() == b""
        server.log.wait_for(r"\[ERROR\].*SIGSEGV")
        assert server.get("/hello/").text == "Hello, world\n"


@pytest.mark.parametrize("count", [3])
def test_a_leak_stays_in_its_worker(harbour: Site, workers: list[str], count: int) -> None:
    with harbour.serve(*workers) as server:
        told = [json.loads(server.get("/faults/leak/?mb=1").body)["leaked_mb"] for _ in range(count)]
    assert told == list(range(1, count + 1))


def test_faults_0_takes_the_faults_away(harbour: Site) -> None:
    site = Site(harbour.directory, harbour.app, harbour.settings, {**harbour.env, "FAULTS": "0"})
    with site.serve() as server:
        assert server.get("/faults/crash/").status == 404
        assert server.get("/").status == 200
