"""What does not survive a fork is named; what we know how to close is closed.

Each in a process of its own: a test runner has threads and connections too, and they come and go.
"""

import subprocess
import sys
import textwrap


def told(source: str) -> list[str]:
    """What a process prints that has `audit` and runs `source`."""
    program = "from tonnage.system.audit import what_does_not_survive as audit\n" + textwrap.dedent(source)
    run = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    return run.stdout.splitlines()


def test_nothing_to_say() -> None:
    assert told("print(audit())") == ["[]"]


def test_a_thread_is_named() -> None:
    (warning,) = told("""
        import threading
        over = threading.Event()
        threading.Thread(target=over.wait, name="poller").start()
        print(*audit(), sep="\\n")
        over.set()
    """)
    assert "the thread 'poller' (threading.Thread) runs in the zygote only" in warning


def test_a_thread_that_python_does_not_know_is_counted() -> None:
    (warning,) = told("""
        import _thread
        over, begun = _thread.allocate_lock(), _thread.allocate_lock()
        over.acquire()
        begun.acquire()
        _thread.start_new_thread(lambda: (begun.release(), over.acquire()), ())
        begun.acquire()
        print(*audit(), sep="\\n")
    """)
    assert warning == "1 thread of compiled code runs in the zygote only, and may hold locks"


def test_a_thread_that_has_been_joined_is_not() -> None:
    """Python says that it has ended before the kernel does; a thousand, as only some are seen in between."""
    assert told("""
        import threading
        said = []
        for _ in range(1000):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            said += audit()
        print(said)
    """) == ["[]"]


def test_a_connection_is_named_with_its_peer_and_a_listener_is_not() -> None:
    port, descriptor, ours, warning = told("""
        import socket
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        print(listener.getsockname()[1], client.fileno(), audit([client.fileno()]), *audit(), sep="\\n")
    """)
    assert f"the connection to 127.0.0.1:{port} (descriptor {descriptor}) would be shared" in warning
    assert ours == "[]", "one of the server's own"


def test_a_pair_within_the_process_is_nobodys_connection() -> None:
    assert told("""
        import socket
        pair = socket.socketpair()
        print(audit())
    """) == ["[]"]


def test_open_database_connections_of_django_are_closed() -> None:
    warning, closed = told("""
        import sys
        from types import ModuleType, SimpleNamespace

        closed = []
        module = ModuleType("django.db")
        connections = [
            SimpleNamespace(alias="default", connection=object(), close=lambda: closed.append("default")),
            SimpleNamespace(alias="never used", connection=None, close=lambda: closed.append("never used")),
        ]
        module.connections = SimpleNamespace(all=lambda initialized_only: connections)
        sys.modules["django.db"] = module
        print(*audit(), closed, sep="\\n")
    """)
    assert closed == "['default']"
    assert "Django's database connection 'default' was open after the import; it is closed now" in warning
