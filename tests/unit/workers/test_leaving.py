from __future__ import annotations

from tonnage.workers.leaving import QUEUE_SHARE, Leaving


def test_a_worker_that_is_replaced_listens_no_more() -> None:
    assert not Leaving(100.0, grace_s=30.0).listens(100.0)


def test_during_the_delay_it_listens_whether_anybody_waits_or_not() -> None:
    leaving = Leaving(100.0, grace_s=30.0, delay_s=5.0)
    leaving.queue_is_empty(101.0)
    assert leaving.listens(104.9)
    assert not leaving.listens(105.0)


def test_when_the_server_stops_it_listens_until_the_queue_is_empty() -> None:
    leaving = Leaving(100.0, grace_s=30.0, serve_queue=True)
    assert leaving.listens(103.0)
    leaving.queue_is_empty(103.0)
    assert not leaving.listens(103.0)


def test_a_queue_that_was_empty_during_the_delay_is_asked_again_after_it() -> None:
    leaving = Leaving(100.0, grace_s=30.0, delay_s=5.0, serve_queue=True)
    leaving.queue_is_empty(102.0)
    assert leaving.listens(105.0)
    leaving.queue_is_empty(105.0)
    assert not leaving.listens(105.0)


def test_a_queue_that_never_empties_does_not_keep_it_for_ever() -> None:
    leaving = Leaving(100.0, grace_s=30.0, serve_queue=True)
    assert leaving.listens(100.0 + 30.0 * QUEUE_SHARE - 0.1)
    assert not leaving.listens(100.0 + 30.0 * QUEUE_SHARE)
