from __future__ import annotations

from tonnage.workers.keepalive import COOL_S, KeepAlive


def test_a_fast_worker_offers_keep_alive() -> None:
    rule = KeepAlive(allowed=True, siblings=True)
    assert rule.offered(100.0)


def test_a_worker_that_held_others_up_does_not_until_it_has_cooled_down() -> None:
    rule = KeepAlive(allowed=True, siblings=True)
    rule.held_up(now=100.0)
    assert not rule.offered(100.0 + COOL_S / 2)
    assert rule.offered(100.0 + COOL_S)


def test_a_worker_without_siblings_keeps_its_clients_however_slow_it_is() -> None:
    rule = KeepAlive(allowed=True, siblings=False)
    rule.held_up(now=100.0)
    assert rule.offered(100.0)


def test_keepalive_0_means_never() -> None:
    assert not KeepAlive(allowed=False, siblings=False).offered(0.0)
