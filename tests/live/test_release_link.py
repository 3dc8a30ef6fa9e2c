"""The usual way to deploy: `current` is a link to a release, and a reload follows it."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.server import serve
from tests.live.wire import request

RELEASE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"release {number}"]
"""


@pytest.mark.parametrize("flags", [[], ["--preload"]])
def test_a_reload_serves_the_release_that_the_link_names_by_then(tmp_path: Path, flags: list[str]) -> None:
    for number in (1, 2):
        release = tmp_path / f"releases/{number}"
        release.mkdir(parents=True)
        write_app(release, RELEASE.replace("{number}", str(number)))
    current = tmp_path / "current"
    current.symlink_to("releases/1")
    with serve("app", *flags, cwd=current, env={"PWD": str(current)}) as server:
        assert server.get().text == "release 1"
        (tmp_path / "next").symlink_to("releases/2")
        (tmp_path / "next").rename(current)
        server.signal(signal.SIGHUP)
        server.log.wait_for("Generation 2 has taken over")
        server.log.wait_for(r"Worker exiting \(pid: \d+\)")  # until then the old one may still take a connection
        assert server.get().text == "release 2"


CRASHES = """
import os

def application(environ, start_response):
    os.kill(os.getpid(), 9)
"""


def test_a_release_whose_directory_is_gone_is_gone_back_to(tmp_path: Path) -> None:
    """Its application is still in the memory of a zygote."""
    for number, source in ((1, RELEASE.replace("{number}", "1")), (2, CRASHES)):
        (tmp_path / f"{number}").mkdir()
        write_app(tmp_path / f"{number}", source)
    settings = tmp_path / "gunicorn.conf.py"
    settings.write_text("chdir = '1'\n")
    with serve("app", "--preload", "--workers", "1", cwd=tmp_path) as server:
        settings.write_text("chdir = '2'\n")
        server.signal(signal.SIGHUP)
        server.log.wait_for(r"Worker \(pid: \d+\) exited with code 0")
        shutil.rmtree(tmp_path / "1")
        for _ in range(2):
            with server.connect() as wire:
                wire.send(request("GET", "/"))
                assert wire.at_end()
        server.log.wait_for("Generation 2 is given up: its workers crash, generation 1 serves on")
        server.log.wait_for(r"chdir = \S+/1: No such file or directory. Workers that load .* put it back")
        assert server.get().text == "release 1"


def test_a_pwd_that_is_not_where_we_are_is_not_believed(tmp_path: Path) -> None:
    with serve("app", cwd=write_app(tmp_path, RELEASE), env={"PWD": "/nonexistent"}) as server:
        assert server.get().text == "release {number}"
