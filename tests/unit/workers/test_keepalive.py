from __future__ import annotations

from tonnage.workers.keepalive import COOL_S, KeepAlive


def rule(*, allowed: bool = True, siblings: bool = True) -> KeepAlive:
    made = KeepAlive(allowed=allowed)
    made.siblings = siblings
    return made


def test_a_fast_worker_offers_keep_alive() -> None:
    assert rule().offered(100.0)


def test_a_worker_that_held_others_up_does_not_until_it_has_cooled_down() -> None:
    held = rule()
    held.held_up(now=100.0)
    assert not held.offered(100.0 + COOL_S / 2)
    assert held.offered(100.0 + COOL_S)


def test_a_worker_without_siblings_keeps_its_clients_however_slow_it_is() -> None:
    alone = rule(siblings=False)
    alone.held_up(now=100.0)
    assert alone.offered(100.0)


def test_keepalive_0_means_never() -> None:
    assert not rule(allowed=False, siblings=False).offered(0.0)
