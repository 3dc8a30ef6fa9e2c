"""What caps the server is said once an episode, whatever how often it is seen."""

import logging
from collections.abc import Sequence

import pytest

from tonnage.control.overview import Advice, Overview
from tonnage.supervisor.counsel import CALM_S, EVERY_S, REPEAT_S, Counsel

LOG = logging.getLogger("tonnage.test")


def seen(unix_s: float) -> Overview:
    return Overview("0", 1, "serving", 1, 1, 0.0, (), (), unix_s=unix_s)


class Rules:
    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, overview: Overview) -> Sequence[Advice]:
        return [Advice(name, f"{name} at {overview.unix_s:g}") for name in self.names]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return found


def test_an_episode_is_said_once_repeated_rarely_and_ends_after_a_calm(caplog: pytest.LogCaptureFixture) -> None:
    rules = Rules("workers")
    counsel = Counsel(rules, LOG)
    counsel.take(seen(1000.0), 0.0)
    counsel.take(seen(1005.0), 5.0)
    assert warnings(caplog) == ["Capped by workers: workers at 1000"]
    assert counsel.capped == (Advice("workers", "workers at 1005", since=1000.0),)
    for second in range(10, int(REPEAT_S) + 1, 5):
        counsel.take(seen(1000.0 + second), second)
    assert warnings(caplog) == ["Capped by workers: workers at 1600"]
    rules.names = ()
    counsel.take(seen(1605.0), REPEAT_S + 5)
    assert not counsel.capped
    rules.names = ("workers",)
    counsel.take(seen(1610.0), REPEAT_S + 10)
    assert warnings(caplog) == []
    assert counsel.capped[0].since == 1000.0
    rules.names = ()
    counsel.take(seen(1700.0), REPEAT_S + 10 + CALM_S)
    rules.names = ("workers",)
    counsel.take(seen(1705.0), REPEAT_S + 15 + CALM_S)
    assert warnings(caplog) == ["Capped by workers: workers at 1705"]
    assert counsel.capped[0].since == 1705.0


def test_rules_that_raise_are_switched_off_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Overview) -> Sequence[Advice]:
        raise ZeroDivisionError

    counsel = Counsel(broken, LOG)
    assert counsel.is_due(0.0)
    counsel.take(seen(1.0), 0.0)
    assert "switched off" in caplog.text
    assert not counsel.is_due(1e9)


def test_they_are_asked_now_and_then_and_nobody_is_asked_where_there_is_none() -> None:
    counsel = Counsel(Rules(), LOG)
    counsel.take(seen(1.0), 100.0)
    assert not counsel.is_due(100.0 + EVERY_S / 2)
    assert counsel.is_due(100.0 + EVERY_S)
    assert not Counsel(None, LOG).is_due(0.0)
