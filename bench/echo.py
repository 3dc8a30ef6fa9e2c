"""Closed-loop load for WebSockets, which wrk cannot do: `python -m bench.echo CASE PORT CONNECTIONS SECONDS`.

Each connection sends its next message when the echo of the last has come. Two system calls a message, and nothing
else of weight: it is to need less of its core than any server of its own, and `busy` in its answer says whether it did.
Prints one line of JSON, like wrk.lua.
"""

import contextlib
import gc
import json
import select
import socket
import statistics
import sys
from array import array
from time import perf_counter, process_time

from .cases import CASES
from .sockets import ANSWER, PATIENCE_S, QUESTION, ask, open_socket


def load(sockets: list[socket.socket], seconds: float) -> dict[str, float]:
    """Raises OSError when one of them ends, or says anything else than the echo."""
    gc.disable()  # a collection would be a latency
    epoll = select.epoll()
    by_fd = {sock.fileno(): sock for sock in sockets}
    sent_at = dict.fromkeys(by_fd, 0.0)
    latencies = array("d")
    began, used = perf_counter(), process_time()
    end = began + seconds
    for fd, sock in by_fd.items():
        epoll.register(fd, select.EPOLLIN)
        sent_at[fd] = perf_counter()
        sock.send(QUESTION)
    now = perf_counter()
    while now < end:
        ready = epoll.poll(PATIENCE_S)
        if not ready:
            raise TimeoutError(f"no echo within {PATIENCE_S:g} s")
        for fd, _ in ready:
            sock = by_fd[fd]
            if sock.recv(4096) != ANSWER:
                raise ConnectionAbortedError("an echo was not whole, or another one")
            now = perf_counter()
            latencies.append(now - sent_at[fd])
            sent_at[fd] = now
            sock.send(QUESTION)
    hundredths = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "us": (now - began) * 1e6,
        "p50_us": hundredths[49] * 1e6,
        "p99_us": hundredths[98] * 1e6,
        "busy": (process_time() - used) / (now - began),
    }


def main() -> int:
    name, port, connections, seconds = sys.argv[1:]
    case = next(case for case in CASES if case.name == name)
    with contextlib.ExitStack() as stack:
        try:
            sockets = [stack.enter_context(open_socket(case, int(port))) for _ in range(int(connections))]
            for sock in sockets:
                ask(sock)
            print(json.dumps(load(sockets, float(seconds))))
        except OSError as exc:
            print(exc, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
