from __future__ import annotations

import os
import socket

from tonnage.system.baton import Baton, Passed


def test_a_connection_given_by_one_process_is_taken_by_another() -> None:
    baton = Baton()
    ours, client = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        baton.give(Passed(ours.fileno(), "http://x", ("192.0.2.1", 7)))
        os._exit(0)
    os.waitpid(pid, 0)
    ours.close()  # the child's and ours are closed: what was given is all that holds the connection
    taken = baton.take()
    assert taken is not None
    assert (taken.listener, taken.peer) == ("http://x", ("192.0.2.1", 7))
    client.sendall(b"hello")
    assert os.read(taken.fd, 100) == b"hello"
    assert not os.get_inheritable(taken.fd)
    os.close(taken.fd)
    client.close()
    assert baton.take() is None
    baton.close()


def test_nobody_takes_so_giving_ends_some_day_without_blocking() -> None:
    baton = Baton()
    ours, client = socket.socketpair()
    with ours, client:
        given = 0
        while baton.give(Passed(ours.fileno(), "u", None)):
            given += 1
        assert given > 10
        for _ in range(given):
            taken = baton.take()
            assert taken is not None
            assert taken.peer is None
            os.close(taken.fd)
        assert baton.take() is None
    baton.close()
