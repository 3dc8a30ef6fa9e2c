from tonnage.supervisor.pacing import FIRST_DELAY_S, LONGEST_DELAY_S, Pace, delay, excuse, fail, forgive, may_start


def test_the_delay_doubles_up_to_half_a_minute() -> None:
    assert [delay(n) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delay(10**9) == LONGEST_DELAY_S


def test_each_failure_of_a_later_worker_waits_longer() -> None:
    pace = Pace()
    assert fail(pace, born_at=0.0, now=1.0) == FIRST_DELAY_S
    assert fail(pace, born_at=1.5, now=2.0) == 2 * FIRST_DELAY_S
    assert pace.failures == 2


def test_workers_started_side_by_side_fail_once() -> None:
    pace = Pace()
    fail(pace, born_at=0.0, now=1.0)
    assert fail(pace, born_at=0.0, now=1.25) == 0.25
    assert fail(pace, born_at=0.9, now=9.0) == 0.0
    assert pace.failures == 1


def test_nothing_starts_while_the_delay_lasts_and_then_one_at_a_time() -> None:
    pace = Pace()
    assert may_start(pace, booting=3, at_once=4, now=0.0)
    assert not may_start(pace, booting=4, at_once=4, now=0.0)
    fail(pace, born_at=0.0, now=1.0)
    assert not may_start(pace, booting=0, at_once=4, now=1.4)
    assert may_start(pace, booting=0, at_once=4, now=1.5)
    assert not may_start(pace, booting=1, at_once=4, now=1.5)


def test_what_is_forgiven_counts_no_more() -> None:
    pace = Pace()
    fail(pace, born_at=0.0, now=1.0)
    forgive(pace)
    assert may_start(pace, booting=3, at_once=4, now=1.0)
    assert fail(pace, born_at=1.1, now=2.0) == FIRST_DELAY_S


def test_the_first_that_leaves_is_excused_with_those_who_were_there_then() -> None:
    pace = Pace()
    assert [excuse(pace, age, next_age=5) for age in (2, 4, 5)] == [True, True, False]
    forgive(pace)
    assert excuse(pace, 5, next_age=6)
