"""PEP 3333 by its rules, against a sink that writes down what it is told."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tonnage.app.wsgi import JOIN_LIMIT, Call, FileWrapper, ResponseFields, file_part

Start = Callable[..., Callable[[bytes], None]]
App = Callable[[object, Start], object]


class Recorder:
    def __init__(self, *, wants_content: bool = True, takes_files: bool = True) -> None:
        self.wants_content = wants_content
        self.takes_files = takes_files
        self.log: list[object] = []

    def whole(self, status: str, fields: ResponseFields, content: bytes) -> None:
        self.log.append(("whole", status, content))

    def start(self, status: str, fields: ResponseFields, length: int | None) -> None:
        self.log.append(("start", status, length))

    def send(self, data: bytes) -> None:
        self.log.append(data)

    def send_file(self, fd: int, offset: int, count: int) -> None:
        self.log.append(("file", offset, count))

    def finish(self) -> None:
        self.log.append("end")


def told(app: App, *, wants_content: bool = True) -> list[object]:
    sink = Recorder(wants_content=wants_content)
    Call(sink).run(app, {})
    return sink.log


class Closing:
    """An iterable that knows whether it was closed."""

    def __init__(self, *pieces: bytes, fails: bool = False) -> None:
        self.pieces = pieces
        self.fails = fails
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        if self.fails:
            raise RuntimeError("in the middle")

    def close(self) -> None:
        self.closed += 1


def returns(result: object, status: str = "200 OK") -> App:
    def app(_environ: object, start_response: Start) -> object:
        start_response(status, [])
        return result

    return app


def test_a_list_of_one_goes_out_whole() -> None:
    assert told(returns([b"hello"])) == [("whole", "200 OK", b"hello")]


def test_a_short_list_is_joined() -> None:
    assert told(returns([b"hel", b"", b"lo"])) == [("whole", "200 OK", b"hello")]


def test_a_long_list_goes_out_piece_by_piece_with_its_length() -> None:
    big = b"x" * JOIN_LIMIT
    assert told(returns([big, b"y"])) == [("start", "200 OK", JOIN_LIMIT + 1), big, b"y", "end"]


def test_an_empty_list_is_an_empty_response() -> None:
    assert told(returns([])) == [("whole", "200 OK", b"")]


def test_the_head_of_a_generator_waits_for_its_first_octet() -> None:
    assert told(returns(Closing(b"", b"a", b"", b"b"))) == [("start", "200 OK", None), b"a", b"b", "end"]


def test_a_generator_without_content_is_an_empty_response() -> None:
    assert told(returns(iter([b""]))) == [("start", "200 OK", 0), "end"]


def test_start_response_may_be_called_as_late_as_the_first_octet() -> None:
    def app(_environ: object, start_response: Start) -> Iterator[bytes]:
        start_response("201 Created", [])
        yield b"late"

    assert told(app) == [("start", "201 Created", None), b"late", "end"]


def test_write_sends_at_once_and_what_is_returned_follows() -> None:
    def app(_environ: object, start_response: Start) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"first")
        return [b"second"]

    assert told(app) == [("start", "200 OK", None), b"first", b"second", "end"]


def test_close_is_called_once_after_the_last_octet() -> None:
    body = Closing(b"a")
    told(returns(body))
    assert body.closed == 1


def test_close_is_called_when_the_iterable_raises() -> None:
    body = Closing(b"a", fails=True)
    with pytest.raises(RuntimeError):
        told(returns(body))
    assert body.closed == 1


def test_a_response_without_content_is_not_iterated_to_its_end() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    assert told(returns(endless()), wants_content=False) == [("start", "200 OK", None), "end"]


def test_exc_info_replaces_a_head_that_has_not_been_sent() -> None:
    def app(_environ: object, start_response: Start) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"sorry"]

    assert told(app) == [("whole", "500 Oops", b"sorry")]


def test_exc_info_after_the_head_was_sent_raises_it_again() -> None:
    def app(_environ: object, start_response: Start) -> list[bytes]:
        start_response("200 OK", [])(b"sent")
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Oops", [], sys.exc_info())
        return []

    with pytest.raises(KeyError):
        told(app)


def test_a_second_start_response_without_exc_info_is_an_error() -> None:
    def app(_environ: object, start_response: Start) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="a second time"):
        told(app)


@pytest.mark.parametrize("result", [[b"x"], [], iter([b"x"]), iter([])])
def test_a_response_without_start_response_is_an_error(result: object) -> None:
    with pytest.raises(AssertionError, match="start_response"):
        told(lambda _environ, _start: result)


def test_a_real_file_goes_out_by_sendfile_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    with (tmp_path / "f").open("rb") as file:
        file.read(4)
        assert told(returns(FileWrapper(file))) == [("start", "200 OK", 6), ("file", 4, 6), "end"]
        assert file.closed  # by close(), as for every iterable


def test_a_file_in_memory_is_read_block_by_block() -> None:
    wrapper = FileWrapper(io.BytesIO(b"0123456789"), 4)
    assert told(returns(wrapper)) == [("start", "200 OK", None), b"0123", b"4567", b"89", "end"]


def test_a_real_file_is_read_block_by_block_when_sendfile_is_switched_off(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    sink = Recorder(takes_files=False)
    with (tmp_path / "f").open("rb") as file:
        Call(sink).run(returns(FileWrapper(file, 6)), {})
    assert sink.log == [("start", "200 OK", None), b"012345", b"6789", "end"]


def test_a_file_that_is_not_regular_is_not_sent_by_sendfile() -> None:
    with Path("/dev/null").open("rb") as null:
        assert file_part(null) is None


def test_a_compressed_file_is_sent_as_it_reads_not_as_it_lies_on_the_disk(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "f.gz", "wb") as packed:
        packed.write(b"0123456789" * 100)
    with gzip.open(tmp_path / "f.gz", "rb") as file:
        assert file_part(file) is None  # type: ignore[arg-type]  # it reads like any other
        assert b"".join(FileWrapper(file)) == b"0123456789" * 100  # type: ignore[arg-type]


def test_an_empty_write_sends_nothing_so_an_exception_after_it_is_still_a_clean_failure() -> None:
    sink = Recorder()

    def app(_environ: object, start_response: Start) -> list[bytes]:
        start_response("200 OK", [])(b"")
        raise KeyError

    call = Call(sink)
    with pytest.raises(KeyError):
        call.run(app, {})
    assert (sink.log, call.sent) == ([], False)
