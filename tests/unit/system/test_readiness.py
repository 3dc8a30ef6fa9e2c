import os

import pytest

from tonnage.system.readiness import Readiness


def test_the_lines_come_and_then_the_end() -> None:
    read, write = os.pipe()
    readiness = Readiness(write)
    readiness.announce(["http://127.0.0.1:1", "unix:/x"])
    with os.fdopen(read) as file:
        assert file.read() == "http://127.0.0.1:1\nunix:/x\n"
    readiness.announce(["again"])
    readiness.close()


def test_without_readiness_there_is_only_the_end() -> None:
    read, write = os.pipe()
    Readiness(write).close()
    with os.fdopen(read) as file:
        assert file.read() == ""


def test_nobody_there_is_an_error_once() -> None:
    read, write = os.pipe()
    os.close(read)
    readiness = Readiness(write)
    with pytest.raises(OSError):
        readiness.announce(["x"])
    readiness.close()


def test_nobody_wants_to_know() -> None:
    Readiness(None).announce(["x"])
