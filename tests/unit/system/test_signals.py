"""Each test acts in a child of its own: signals and handlers are the whole process's."""

import os
import select
import signal
import traceback
from collections.abc import Callable

from tonnage.system.processes import how_it_ended
from tonnage.system.signals import WakeUp, held_back

BOTH = (signal.SIGUSR1, signal.SIGTERM)


def in_child(act: Callable[[], None]) -> int:
    """Its exit code, 0 when it raised nothing."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_signals_are_read_in_their_order() -> None:
    def act() -> None:
        wakeup = WakeUp(BOTH)
        assert wakeup.read() == []
        for number in (*BOTH, signal.SIGUSR1):
            signal.raise_signal(number)
        assert select.select([wakeup], [], [], 0)[0] == [wakeup]
        assert wakeup.read() == [*BOTH, signal.SIGUSR1]
        assert wakeup.read() == []

    assert in_child(act) == 0


def test_after_close_a_signal_does_what_it_always_did() -> None:
    def act() -> None:
        WakeUp(BOTH).close()
        signal.raise_signal(signal.SIGTERM)

    assert how_it_ended(in_child(act)) == "was killed by SIGTERM"


def test_a_signal_for_a_new_child_is_not_read_by_its_parent() -> None:
    def act() -> None:
        wakeup = WakeUp(BOTH)
        with held_back() as mask:
            pid = os.fork()
            if pid == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                wakeup.close()
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                os._exit(99)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
        assert wakeup.read() == []

    assert in_child(act) == 0


def test_what_is_held_back_comes_afterwards() -> None:
    def act() -> None:
        wakeup = WakeUp(BOTH)
        with held_back():
            signal.raise_signal(signal.SIGUSR1)
            assert wakeup.read() == []
        assert wakeup.read() == [signal.SIGUSR1]

    assert in_child(act) == 0
