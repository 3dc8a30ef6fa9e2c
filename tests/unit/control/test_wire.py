from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.control.overview import (
    Advice,
    InFlight,
    ListenerView,
    Overview,
    Quantiles,
    Restarts,
    Spread,
    Totals,
    WorkerView,
)
from tonnage.control.requests import Answer, Done, Note, Reload, Reopen, Request, Scale, Status, Stop, Upgrade
from tonnage.control.wire import Lines, decode_answer, decode_request, encode_answer, encode_request

SLOW = InFlight("GET /slow HTTP/1.1", 2.5)
WORKER = WorkerView(101, 0, 7, 2, "ready", 60.5, 1000, 3, (SLOW,), pss=5, service=Quantiles(0.1, 0.2, 0.3))
LISTENER = ListenerView("http://127.0.0.1:80", 0, 2048, 7)
TOTALS = Totals(1000, statuses=(0, 900, 0, 100, 0), service=Spread((0.001, 0.002), (600, 400), 1.5))
OVERVIEW = Overview(
    "0.1.0", 100, "serving", 2, 1, 90.0, (LISTENER,), (WORKER,), rps=12.5, queue=Quantiles(1.0, 2.0, 3.0),
    totals=TOTALS, restarts=(Restarts("crash", 1),), capped=(Advice("cpu", "all of it", 1.7e9),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (Status(), {"request": "status"}),
        (Reload(), {"request": "reload"}),
        (Reload(bake=True), {"request": "reload", "bake": True}),
        (Reopen(), {"request": "reopen"}),
        (Upgrade(), {"request": "upgrade"}),
        (Stop(), {"request": "stop", "quick": False}),
        (Stop(quick=True), {"request": "stop", "quick": True}),
        (Scale(-2), {"request": "scale", "by": -2}),
    ],
)
def test_every_request_is_one_line_that_anybody_can_write(request_: Request, line: dict[str, object]) -> None:
    data = encode_request(request_)
    assert json.loads(data) == line
    assert data.endswith(b"\n")
    assert decode_request(data) == request_


def test_a_stop_is_not_quick_unless_it_says_so() -> None:
    assert decode_request(b'{"request": "stop"}') == Stop(quick=False)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "not JSON"),
        (b"reload", "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'"reload"', "not a JSON object"),
        (b"{}", "no request None"),
        (b'{"request": "halt"}', "no request 'halt'; there are status, reopen, upgrade, reload, stop, scale"),
        (b'{"request": ["stop"]}', "no request"),
        (b'{"request": "stop", "quick": 1}', "`quick` must be"),
        (b'{"request": "reload", "bake": "yes"}', "`bake` must be"),
        (b'{"request": "scale"}', "`by` must be"),
        (b'{"request": "scale", "by": 0}', "`by` must be"),
        (b'{"request": "scale", "by": true}', "`by` must be"),
        (b'{"request": "scale", "by": 1.5}', "`by` must be"),
        (b'{"request": "scale", "by": 1e999}', "`by` must be"),
        (b'{"request": "scale", "by": 10000000}', "`by` must be"),
    ],
)
def test_what_is_no_request_is_refused_in_words(line: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("[", r"\[")):
        decode_request(line)


@given(st.binary(max_size=200))
def test_nothing_that_is_sent_raises_anything_else(line: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with suppress(ValueError):
            decode(line)


@pytest.mark.parametrize(
    "answer",
    [Note("Booting worker with pid: 7"), Note("Gr\u00fc\u00dfe\n"), Done(True, ""), Done(False, "no", 9), OVERVIEW],
)
def test_every_answer_comes_back_as_it_was(answer: Answer) -> None:
    line = encode_answer(answer)
    assert line.count(b"\n") == 1
    assert decode_answer(line) == answer


def test_what_a_newer_server_says_besides_is_left_out() -> None:
    found = json.loads(encode_answer(OVERVIEW))
    found["status"]["weather"] = "fair"
    found["status"]["workers"][0]["mood"] = "good"
    assert decode_answer(json.dumps(found).encode()) == OVERVIEW


@pytest.mark.parametrize("name", ["workers", "listeners", "pid"])
def test_what_a_server_leaves_out_is_named(name: str) -> None:
    found = json.loads(encode_answer(OVERVIEW))
    del found["status"][name]
    with pytest.raises(ValueError, match=f"{name}.* is missing"):
        decode_answer(json.dumps(found).encode())


def test_what_an_older_server_does_not_say_has_its_default() -> None:
    found = json.loads(encode_answer(OVERVIEW))
    for name in ("totals", "restarts", "capped", "queue", "rps"):
        del found["status"][name]
    del found["status"]["workers"][0]["pss"]
    older = decode_answer(json.dumps(found).encode())
    assert isinstance(older, Overview)
    assert (older.totals, older.restarts, older.capped, older.rps) == (Totals(), (), (), 0.0)
    assert older.workers[0].pss is None


def test_only_those_that_are_ready_are_counted_as_ready() -> None:
    assert OVERVIEW.ready == 1


@given(st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.integers(1, 7))
def test_lines_come_out_whole_however_they_are_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    reader = Lines(20)
    assert [line for at in range(0, len(data), size) for line in reader.feed(data[at : at + size])] == lines


@pytest.mark.parametrize("data", [b"x" * 21, b"x" * 21 + b"\n", b"ok\n" + b"x" * 21])
def test_a_line_that_is_too_long_is_not_kept(data: bytes) -> None:
    with pytest.raises(ValueError, match="longer than 20"):
        Lines(20).feed(data)
