"""What operators ask, and what they are told: each test says what the loop would."""

from __future__ import annotations

import json
import logging
import os

import pytest

from tests.unit.supervisor.control.conftest import OVERVIEW, Desk
from tonnage.supervisor import control as module
from tonnage.supervisor.control import Control, heir, where
from tonnage.supervisor.facts import Fact, ReloadAsked, ReopenAsked, ScaleAsked, StopAsked, UpgradeAsked

# -- requests ----------------------------------------------------------------------------------------------------------


def test_status_is_answered_at_once_and_is_no_fact(desk: Desk) -> None:
    operator = desk.operator()
    assert operator.ask("status") == []
    status, done = operator.hears()
    assert status == {"status": json.loads(json.dumps(OVERVIEW.as_object()))}
    assert done == {"done": True, "reason": ""}


@pytest.mark.parametrize(
    ("request_", "fields", "fact"),
    [
        ("reload", {}, ReloadAsked()),
        ("upgrade", {}, UpgradeAsked()),
        ("stop", {}, StopAsked()),
        ("stop", {"quick": True}, StopAsked(quick=True)),
        ("scale", {"by": -2}, ScaleAsked(-2)),
        ("reopen", {}, ReopenAsked()),
    ],
)
def test_a_request_is_a_fact_and_the_log_says_whose_it_was(
    desk: Desk, caplog: pytest.LogCaptureFixture, request_: str, fields: dict[str, object], fact: Fact
) -> None:
    caplog.set_level(logging.INFO)
    assert desk.operator().ask(request_, **fields) == [fact]
    assert f"asked for by uid {os.geteuid()} (pid {os.getpid()}) through the control socket" in caplog.text


def test_what_is_done_at_once_is_answered_at_once(desk: Desk) -> None:
    operator = desk.operator()
    operator.ask("scale", by=2)
    operator.ask("scale", by=-1)
    operator.ask("reopen")
    assert operator.hears() == [
        {"done": True, "reason": "2 more workers: asked for"},
        {"done": True, "reason": "1 fewer worker: asked for"},
        {"done": True, "reason": "reopening of the logs: asked for"},
    ]


def test_nonsense_is_answered_in_words_and_the_next_request_is_taken(desk: Desk) -> None:
    operator = desk.operator()
    assert operator.ask("halt") == []
    assert operator.ask("reopen") == [ReopenAsked()]
    first, second = operator.hears()
    assert (first["done"], second["done"]) == (False, True)
    assert "there is no request 'halt'" in str(first["reason"])


def test_a_request_in_pieces_is_one_request(desk: Desk) -> None:
    operator = desk.operator()
    operator.sock.send(b'{"request": "re')
    assert desk.turn() == []
    operator.sock.send(b'load"}\n')
    assert desk.turn() == [ReloadAsked()]


def test_several_requests_in_one_piece_are_taken_one_at_a_time(desk: Desk) -> None:
    operator = desk.operator()
    operator.sock.send(b'{"request": "reload"}\n{"request": "stop"}\n')
    assert desk.turn() == [ReloadAsked()]
    assert operator.hears()[-1] == {"done": False, "reason": "one request at a time: another one is not done yet"}


# -- reload ------------------------------------------------------------------------------------------------------------


def test_who_waits_is_told_what_the_log_is_told(desk: Desk, log: logging.Logger) -> None:
    log.info("before")
    operator, idle = desk.operator(), desk.operator()
    operator.ask("reload")
    desk.control.accepted(2)
    log.warning("worker %d is slow", 7)
    log.debug("not for operators")
    desk.control.settled(2, True, "generation 2 serves")
    log.info("after")
    heard = operator.hears()
    assert heard[-2:] == [{"note": "worker 7 is slow"}, {"done": True, "reason": "generation 2 serves"}]
    assert {"note": "after"} not in heard
    assert idle.hears() == []


def test_settings_that_cannot_be_read_end_the_request_with_the_reason(desk: Desk) -> None:
    operator = desk.operator()
    operator.ask("reload")
    desk.control.refused("gunicorn.conf.py:3: SyntaxError")
    assert operator.hears()[-1] == {"done": False, "reason": "gunicorn.conf.py:3: SyntaxError"}


def test_a_generation_that_is_given_up_ends_only_the_requests_for_it(desk: Desk) -> None:
    first, second = desk.operator(), desk.operator()
    first.ask("reload")
    desk.control.accepted(2)
    second.ask("reload")  # the loop has not got to it when generation 2 fails
    desk.control.settled(2, False, "it does not load")
    assert first.hears()[-1] == {"done": False, "reason": "it does not load"}
    desk.control.accepted(3)
    desk.control.settled(3, True, "generation 3 serves")
    assert second.hears()[-1] == {"done": True, "reason": "generation 3 serves"}


def test_a_newer_generation_ends_the_requests_for_those_it_overtook(desk: Desk) -> None:
    first, second = desk.operator(), desk.operator()
    first.ask("reload")
    desk.control.accepted(2)
    second.ask("reload")
    desk.control.accepted(3)
    desk.control.settled(3, True, "generation 3 serves")
    assert first.hears()[-1] == second.hears()[-1] == {"done": True, "reason": "generation 3 serves"}


def test_a_refusal_leaves_alone_what_is_under_way(desk: Desk) -> None:
    first, second = desk.operator(), desk.operator()
    first.ask("reload")
    desk.control.accepted(2)
    second.ask("reload")
    desk.control.refused("no")
    assert second.hears()[-1]["done"] is False
    desk.control.settled(2, True, "yes")
    assert first.hears()[-1]["done"] is True


def test_one_connection_can_ask_again(desk: Desk) -> None:
    operator = desk.operator()
    for generation in (2, 3):
        assert operator.ask("reload") == [ReloadAsked()]
        desk.control.accepted(generation)
        desk.control.settled(generation, True, f"{generation}")
        assert operator.hears()[-1] == {"done": True, "reason": f"{generation}"}


def test_new_settings_of_the_log_do_not_cut_off_who_waits(desk: Desk, log: logging.Logger) -> None:
    operator = desk.operator()
    operator.ask("reload")
    log.handlers.clear()  # as logging.config does
    desk.control.accepted(2)
    log.info("Booting worker")
    assert operator.hears()[-1] == {"note": "Booting worker"}


# -- stop and upgrade --------------------------------------------------------------------------------------------------


def test_a_stop_is_done_when_the_server_is_and_what_else_was_waited_for_is_not(desk: Desk) -> None:
    stopping, reloading = desk.operator(), desk.operator()
    stopping.ask("stop")
    reloading.ask("reload")
    path = desk.control.path
    desk.control.close()
    assert stopping.hears()[-1] == {"done": True, "reason": "the server has stopped"}
    assert reloading.hears()[-1] == {"done": False, "reason": "the server has stopped"}
    assert stopping.is_dropped()
    assert path is not None
    assert not path.exists()


def test_an_upgrade_is_done_with_the_pid_of_the_new_supervisor(desk: Desk) -> None:
    operator = desk.operator()
    operator.ask("upgrade")
    desk.control.started(4711)
    desk.control.upgraded(True, "it serves", 4711)
    assert operator.hears()[-1] == {"done": True, "reason": "it serves", "pid": 4711}


def test_a_second_upgrade_that_is_refused_leaves_alone_who_waits_for_the_first(desk: Desk) -> None:
    first, second = desk.operator(), desk.operator()
    first.ask("upgrade")
    desk.control.started(4711)
    second.ask("upgrade")
    desk.control.not_started("another upgrade is under way")
    assert second.hears()[-1] == {"done": False, "reason": "another upgrade is under way"}
    desk.control.upgraded(True, "it serves", 4711)
    assert first.hears()[-1] == {"done": True, "reason": "it serves", "pid": 4711}


def test_a_new_supervisor_that_ends_does_not_end_what_is_asked_for_after_it(desk: Desk) -> None:
    first, second = desk.operator(), desk.operator()
    first.ask("upgrade")
    desk.control.started(4711)
    second.ask("upgrade")  # the loop has not got to it when 4711 ends
    desk.control.upgraded(False, "4711 is gone")
    assert first.hears()[-1] == {"done": False, "reason": "4711 is gone"}
    desk.control.started(4712)
    desk.control.upgraded(True, "it serves", 4712)
    assert second.hears()[-1] == {"done": True, "reason": "it serves", "pid": 4712}


def test_an_heir_has_a_name_of_its_own_until_the_old_one_is_gone(desk: Desk, log: logging.Logger) -> None:
    place = heir(desk.place)
    old = desk.control.path
    assert old is not None
    assert place.paths == (old.with_name("control.2"),)
    successor = Desk(place, log)
    desk.control.close()
    successor.control.promote()
    assert successor.control.path == old
    assert successor.operator().ask("reload") == [ReloadAsked()]
    successor.control.promote()  # twice does no harm
    successor.leave()
    assert list(old.parent.iterdir()) == []


def test_an_heir_by_default_is_called_by_its_own_pid_anyway() -> None:
    place = where(None, 0o600, {})
    assert heir(place) == place


def test_the_list_in_the_docstring_is_the_interface() -> None:
    assert module.__doc__ is not None
    for name in (
        "open",
        "forget",
        "accepted",
        "refused",
        "settled",
        "started",
        "not_started",
        "upgraded",
        "progress",
        "close",
        "promote",
    ):
        assert f"control.{name}" in module.__doc__
        assert hasattr(Control, name)
