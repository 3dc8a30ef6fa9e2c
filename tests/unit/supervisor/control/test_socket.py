"""The socket itself: where it is, who may use it, who misbehaves; and the client at its other end."""

from __future__ import annotations

import logging
import os
import socket
import stat
from pathlib import Path

import pytest

from tests.unit.supervisor.control.conftest import OVERVIEW, Desk
from tonnage.control.client import Client
from tonnage.control.requests import Done, Status
from tonnage.errors import ControlError
from tonnage.supervisor.control import MOST_PEERS, MOST_UNREAD, Where, where
from tonnage.supervisor.facts import ReloadAsked, ReopenAsked

# -- who misbehaves ----------------------------------------------------------------------------------------------------


def test_who_does_not_read_is_dropped_and_holds_nobody_up(desk: Desk, log: logging.Logger) -> None:
    deaf, other = desk.operator(), desk.operator()
    deaf.ask("reload")
    other.ask("reload")
    for _ in range(2 * MOST_UNREAD // 1000 + 1000):
        log.info("x" * 1000)
        other.hears()
        desk.turn()
    assert deaf.is_dropped()
    assert not other.is_dropped()


def test_who_reads_slowly_gets_everything(desk: Desk, log: logging.Logger) -> None:
    operator = desk.operator()
    operator.ask("reload")
    for number in range(500):
        log.info("%d %s", number, "x" * 1000)
    heard: list[dict[str, object]] = []
    while news := operator.hears():
        heard += news
        desk.turn()
    assert [str(each["note"]).split()[0] for each in heard[-500:]] == [str(number) for number in range(500)]


def test_who_hangs_up_is_forgotten_and_the_reload_goes_on(desk: Desk) -> None:
    operator = desk.operator()
    assert operator.ask("reload") == [ReloadAsked()]
    operator.sock.close()
    assert desk.turn() == []
    desk.control.accepted(2)
    desk.control.settled(2, True, "nobody hears it")


def test_what_is_far_too_long_is_not_kept(desk: Desk) -> None:
    operator = desk.operator()
    operator.sock.send(b"x" * 10_000)
    desk.turn()
    assert operator.is_dropped()


def test_another_protocol_is_told_so(desk: Desk) -> None:
    operator = desk.operator()
    operator.sock.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert desk.turn() == []
    assert [each["done"] for each in operator.hears()] == [False, False, False]


def test_the_oldest_that_waits_for_nothing_makes_room(desk: Desk) -> None:
    waiting = desk.operator()
    waiting.ask("reload")
    idle = desk.operator()
    for _ in range(MOST_PEERS - 1):
        desk.operator()
    assert idle.is_dropped()
    assert not waiting.is_dropped()


# -- the socket --------------------------------------------------------------------------------------------------------


def test_only_its_user_may_use_it(desk: Desk, tmp_path: Path, log: logging.Logger) -> None:
    assert desk.control.path is not None
    found = desk.control.path.stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert found.st_mode & 0o777 == 0o600
    wider = Desk(Where((tmp_path / "wider",), mode=0o660), log)
    assert (tmp_path / "wider").stat().st_mode & 0o777 == 0o660
    wider.leave()


def test_the_first_place_that_works_is_taken(tmp_path: Path, log: logging.Logger) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    paths = tuple(tmp_path / name / "1.ctl" for name in ("file", "open", "no/such", "mine"))
    found = Desk(Where(paths, is_default=True), log)
    assert found.control.path == tmp_path / "mine/1.ctl"
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700
    found.leave()


def test_no_place_at_all_is_one_line_at_info(
    tmp_path: Path, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    found = Desk(Where((tmp_path / "no/such/1.ctl", tmp_path / "neither/it/1.ctl"), is_default=True), log)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert f"No control socket: {tmp_path}/no/such: No such file or directory." in record.getMessage()
    assert found.control.path is None
    found.control.accepted(2)
    found.control.settled(2, True, "")
    found.control.promote()
    found.leave()


def test_a_socket_that_somebody_has_is_not_taken_from_them(
    desk: Desk, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    second = Desk(desk.place, log)
    assert second.control.path is None
    assert "a running server listens there" in caplog.text
    second.leave()
    assert desk.operator().ask("reopen") == [ReopenAsked()]


def test_a_forked_child_closes_its_copies_and_leaves_the_rest(desk: Desk) -> None:
    operator = desk.operator()
    operator.ask("reload")
    pid = os.fork()
    if pid == 0:
        desk.control.forget()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    desk.control.accepted(2)
    desk.control.settled(2, True, "it serves")
    assert operator.hears()[-1] == {"done": True, "reason": "it serves"}
    assert desk.operator().ask("reopen") == [ReopenAsked()]  # the file is there, and the selector as it was


def test_places_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert where("site.ctl", 0o660, {}) == Where((tmp_path / "site.ctl",), 0o660)
    default = where(None, 0o600, {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert default.is_default
    *files, last = default.paths
    assert all(path.name == f"{os.getpid()}.ctl" for path in files)
    assert str(last) == f"@tonnage-{os.geteuid()}-{os.getpid()}"


# -- the client, for whom the server must be another process -----------------------------------------------------------


def test_a_client_and_a_server_understand_each_other(desk: Desk) -> None:
    pid = os.fork()
    if pid == 0:
        while True:
            for key, _ in desk.selector.select():
                list(key.data())
    try:
        assert desk.control.path is not None
        with Client(desk.control.path) as client:
            assert client.pid == os.getpid()  # of who has called listen()
            assert list(client.ask(Status())) == [OVERVIEW, Done(True, "")]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_client_says_who_did_not_answer(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=f"no server answers at {tmp_path}/none: No such file"):
        Client(tmp_path / "none")


@pytest.mark.parametrize(("said", "complaint"), [(b"", "is gone before"), (b"HTTP/1.1 400\n", "not understood")])
def test_a_client_says_what_was_wrong_with_the_answer(tmp_path: Path, said: bytes, complaint: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with Client(tmp_path / "s") as client, server.accept()[0] as end:
            end.sendall(said)
            end.shutdown(socket.SHUT_WR)
            with pytest.raises(ControlError, match=complaint):
                list(client.ask(Status()))
