"""A reload that moves an address: the old one is served until the proxy has had time to follow."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.live.apps import PID, write_app
from tests.live.server import PATIENCE_S, Running, serve
from tests.live.wire import Address, Wire, parse_address

ASGI_PID = """
import os

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""
LONG_S = 600  # no test waits for that


def settings(directory: Path, *binds: str, bake_s: float) -> None:
    (directory / "gunicorn.conf.py").write_text(f"bind = {[*binds]!r}\nreload_bake = {bake_s}\n")


def answered(address: Address) -> int:
    """By which process."""
    with contextlib.closing(Wire(address, PATIENCE_S)) as wire:
        return int(wire.ask("GET", "/", [("Connection", "close")], b"").text)


def moved(server: Running, directory: Path, *binds: str, bake_s: float = LONG_S) -> None:
    settings(directory, *binds, bake_s=bake_s)
    server.signal(signal.SIGHUP)
    server.log.wait_for("Generation 2 has taken over")


def old_address(server: Running, directory: Path) -> Address:
    return parse_address(server.urls[0]) if server.urls[0][0] == "h" else at(directory, "old")


def at(directory: Path, name: str) -> Address:
    return parse_address(f"unix:{directory / name}.sock")


everywhere = pytest.mark.parametrize("old", ["127.0.0.1:0", "unix:old.sock"])
everybody = pytest.mark.parametrize(
    "flags", [["-k", "sync"], ["-k", "sync", "--preload"], ["-k", "gthread"], ["-k", "asgi"]], ids=" ".join
)


@everywhere
@everybody
def test_an_address_that_is_left_is_served_by_one_old_worker(tmp_path: Path, flags: list[str], old: str) -> None:
    write_app(tmp_path, ASGI_PID if "asgi" in flags else PID)
    settings(tmp_path, old, "unix:both.sock", bake_s=LONG_S)
    both, new = at(tmp_path, "both"), at(tmp_path, "new")
    with serve("app", *flags, cwd=tmp_path, bind=None) as server:
        left = old_address(server, tmp_path)
        before = answered(left)
        moved(server, tmp_path, "unix:new.sock", "unix:both.sock")
        server.log.wait_for(rf"Worker \(pid: {before}\) goes on at \S+ until the bake is over")
        after = answered(new)
        assert after != before
        assert {answered(left) for _ in range(20)} == {before}
        assert {answered(both) for _ in range(20)} == {after}, "old code serves only where it must"


@everywhere
@everybody
def test_an_address_that_is_left_is_refused_after_the_bake(tmp_path: Path, flags: list[str], old: str) -> None:
    write_app(tmp_path, ASGI_PID if "asgi" in flags else PID)
    settings(tmp_path, old, "unix:both.sock", bake_s=0.2)
    with serve("app", *flags, cwd=tmp_path, bind=None) as server:
        left = old_address(server, tmp_path)
        before = answered(left)
        moved(server, tmp_path, "unix:new.sock", "unix:both.sock", bake_s=0.2)
        server.log.wait_for(rf"Worker exiting \(pid: {before}\)")
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):  # of TCP, of a file
            answered(left)
        assert answered(at(tmp_path, "both")) == answered(at(tmp_path, "new")) != before


def test_a_stop_does_not_wait_for_who_stays_at_an_old_address(tmp_path: Path) -> None:
    write_app(tmp_path, PID)
    settings(tmp_path, "unix:old.sock", bake_s=LONG_S)
    with serve("app", cwd=tmp_path, bind=None) as server:
        moved(server, tmp_path, "unix:new.sock")
        server.log.wait_for("goes on at")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_going_back_goes_back_to_the_old_address(tmp_path: Path) -> None:
    write_app(tmp_path, PID)
    settings(tmp_path, "unix:old.sock", bake_s=LONG_S)
    old, new = at(tmp_path, "old"), at(tmp_path, "new")
    with serve("app", cwd=tmp_path, bind=None) as server:
        stays = answered(old)
        moved(server, tmp_path, "unix:new.sock")
        for times in (1, 2):  # once may be bad luck
            os.kill(answered(new), signal.SIGKILL)
            server.log.wait_for("was killed by SIGKILL", times)
        server.log.wait_for("Generation 2 is given up")
        assert answered(old)
        os.kill(stays, signal.SIGTERM)
        server.log.wait_for(rf"Worker exiting \(pid: {stays}\)")
        assert answered(old) != stays
        with pytest.raises(FileNotFoundError):
            answered(new)
