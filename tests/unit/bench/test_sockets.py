"""The octets that are made beforehand are the ones that RFC 6455 asks for; the library websockets judges."""

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.utils import accept_key

from bench.sockets import ACCEPT, ANSWER, KEY, MESSAGE, QUESTION


def test_the_server_has_to_know_the_key() -> None:
    assert accept_key(KEY.decode()).encode() == ACCEPT


def test_a_server_understands_the_question() -> None:
    server = Protocol(Side.SERVER, state=OPEN)
    server.receive_data(QUESTION)
    assert server.events_received() == [Frame(Opcode.TEXT, MESSAGE)]


def test_the_answer_is_what_a_server_sends() -> None:
    server = Protocol(Side.SERVER, state=OPEN)
    server.send_text(MESSAGE)
    assert server.data_to_send() == [ANSWER]
