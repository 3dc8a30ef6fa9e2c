"""The conversation with an application, without a worker: what it may say when, and what it hears."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tonnage.app.websocket import MOST_MESSAGES, MOST_OCTETS, Conversation, Event, Message, Phase
from tonnage.errors import ClientLeftError, LocalProtocolError

ACCEPT: Event = {"type": "websocket.accept"}
START: Event = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x", b"1")]}


class Deed:
    """A port that writes down what it was told."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self.room: asyncio.Future[None] | None = None

    def accept(self, subprotocol: str | None, fields: list[tuple[str, str]]) -> None:
        self.done.append(("accept", subprotocol, fields))

    def refuse(self) -> None:
        self.done.append(("refuse",))

    def deny(self, status: int, fields: list[tuple[str, str]]) -> None:
        self.done.append(("deny", status, fields))

    def deny_content(self, data: bytes, *, more: bool) -> None:
        self.done.append(("content", data, more))

    def send(self, message: Message) -> None:
        self.done.append(("send", message))

    def close(self, code: int, reason: str) -> None:
        self.done.append(("close", code, reason))

    def resume(self) -> None:
        self.done.append(("resume",))


Play = Callable[[Conversation, Deed], Awaitable[None]]


def play(scene: Play) -> list[tuple[object, ...]]:
    port = Deed()

    async def stage() -> None:
        port.loop = asyncio.get_running_loop()
        await scene(Conversation(port), port)

    asyncio.run(stage())
    return port.done


def say(*events: Event) -> list[tuple[object, ...]]:
    async def scene(talk: Conversation, _: Deed) -> None:
        for event in events:
            await talk.send(event)

    return play(scene)


def test_accept_send_close() -> None:
    assert say(
        {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"X-A", b"1")]},
        {"type": "websocket.send", "text": "one"},
        {"type": "websocket.send", "text": None, "bytes": b"two"},
        {"type": "websocket.send", "text": "", "bytes": None},
        {"type": "websocket.close", "code": 4000, "reason": "done"},
    ) == [
        ("accept", "chat", [("X-A", "1")]), ("send", "one"), ("send", b"two"), ("send", ""), ("close", 4000, "done"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", [{}, {"code": None}, {"code": 1000, "reason": None}])
def test_a_close_without_a_code_is_1000(code: dict[str, object]) -> None:
    assert say(ACCEPT, {"type": "websocket.close", **code})[1:] == [("close", 1000, "")]


def test_a_close_before_accept_refuses() -> None:
    assert say({"type": "websocket.close", "code": 1008}) == [("refuse",)]


def test_a_denial_is_a_response() -> None:
    body = {"type": "websocket.http.response.body", "body": b"no", "more_body": True}
    assert say(START, body, {"type": "websocket.http.response.body"}) == [
        ("deny", 401, [("x", "1")]), ("content", b"no", True), ("content", b"", False),
    ]  # fmt: skip


OUT_OF_TURN: list[tuple[Event, ...]] = [
    ({"type": "websocket.send", "text": "x"},),
    ({"type": "websocket.http.response.body", "body": b""},),
    (ACCEPT, ACCEPT),
    (ACCEPT, START),
    (ACCEPT, {"type": "websocket.close"}, {"type": "websocket.close"}),
    (ACCEPT, {"type": "websocket.close"}, {"type": "websocket.send", "text": "x"}),
    (START, ACCEPT),
    (START, {"type": "websocket.close"}),
    ({"type": "websocket.close"}, ACCEPT),
    ({"type": "http.response.start", "status": 200},),
    (ACCEPT, {"type": "websocket.send"}),
    (ACCEPT, {"type": "websocket.send", "text": None, "bytes": None}),
    (ACCEPT, {"type": "websocket.send", "text": 1}),
    ({"type": "websocket.accept", "headers": [("a", "text")]},),
    ({"type": "websocket.accept", "headers": 7},),
]


@pytest.mark.parametrize("events", OUT_OF_TURN)
def test_what_is_out_of_turn_is_told_to_the_application(events: tuple[Event, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        say(*events)


def test_connect_messages_and_one_disconnect_in_order() -> None:
    async def scene(talk: Conversation, _: Deed) -> None:
        assert await talk.receive() == {"type": "websocket.connect"}
        await talk.send(ACCEPT)
        talk.deliver(["a", b"b"])
        talk.disconnect(1001, "away")
        talk.disconnect(1006, "")
        assert await talk.receive() == {"type": "websocket.receive", "text": "a"}
        assert await talk.receive() == {"type": "websocket.receive", "bytes": b"b"}
        assert await talk.receive() == {"type": "websocket.disconnect", "code": 1001, "reason": "away"}
        with pytest.raises(LocalProtocolError, match="nothing follows"):
            await talk.receive()

    play(scene)


def test_nobody_is_sent_to_after_the_client_has_left() -> None:
    async def scene(talk: Conversation, _: Deed) -> None:
        await talk.send(ACCEPT)
        talk.disconnect(1006, "")
        for event in ({"type": "websocket.send", "text": "x"}, {"type": "websocket.close"}):
            with pytest.raises(ClientLeftError):
                await talk.send(event)
        assert isinstance(ClientLeftError(), OSError)

    assert play(scene) == [("accept", None, [])]


def test_who_waits_is_woken_by_messages_and_by_the_end() -> None:
    async def scene(talk: Conversation, _: Deed) -> None:
        await talk.receive()
        first, second = asyncio.create_task(talk.receive()), asyncio.create_task(talk.receive())
        await asyncio.sleep(0)
        talk.deliver(["x"])
        assert (await first)["text"] == "x"
        assert not second.done()
        talk.disconnect(1000, "")
        assert (await second)["type"] == "websocket.disconnect"

    play(scene)


def test_a_waiter_that_is_cancelled_loses_no_message() -> None:
    async def scene(talk: Conversation, _: Deed) -> None:
        await talk.receive()
        first, second = asyncio.create_task(talk.receive()), asyncio.create_task(talk.receive())
        await asyncio.sleep(0)
        talk.deliver(["x"])  # wakes the first
        first.cancel()
        assert (await second)["text"] == "x"
        assert first.cancelled()

    play(scene)


@pytest.mark.parametrize("messages", [["x"] * MOST_MESSAGES, [b"x" * MOST_OCTETS]])
def test_a_full_inbox_says_when_it_has_room_again(messages: list[Message]) -> None:
    async def scene(talk: Conversation, port: Deed) -> None:
        await talk.receive()
        assert not talk.is_full
        talk.deliver(messages)
        assert talk.is_full
        await talk.receive()
        assert not talk.is_full
        assert port.done == [("resume",)]

    play(scene)


def test_send_waits_until_the_client_has_taken_enough() -> None:
    async def scene(talk: Conversation, port: Deed) -> None:
        await talk.send(ACCEPT)
        port.room = asyncio.get_running_loop().create_future()
        first, second = (asyncio.create_task(talk.send({"type": "websocket.send", "text": name})) for name in "ab")
        await asyncio.sleep(0)
        first.cancel()  # must not take the other one with it
        await asyncio.sleep(0)
        assert not second.done()
        port.room.set_result(None)
        await second

    assert play(scene)[1:] == [("send", "a"), ("send", "b")]


def test_phases_are_those_of_the_picture() -> None:
    assert [phase.value for phase in Phase] == ["connecting", "open", "denying", "closed"]
