"""Most of the corpus of tests/wire over TLS: encryption must not add, lose or reorder anything."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.live.apps import ECHO, write_app
from tests.live.conftest import WORKERS
from tests.live.secure import Authority, SecureWire
from tests.live.server import Running, serve
from tests.live.test_wire import MESSAGES, configuration, converse
from tests.wire.corpus import Message
from tests.wire.drive import one_by_one

SETTINGS, _ = Counter(map(configuration, MESSAGES)).most_common(1)[0]
# Those of the most common settings, for one server; and not those that end in the middle, which TLS does its own way
SAMPLE = [each for each in MESSAGES if configuration(each) == SETTINGS and not each.eof]

Server = tuple[Running, Authority]


@pytest.fixture(scope="module", params=list(WORKERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = write_app(tmp_path_factory.mktemp("wire"), ECHO)
    (directory / "gunicorn.conf.py").write_text(SETTINGS)
    authority = Authority(directory)
    with serve("app", *WORKERS[request.param], *authority.flags, cwd=directory) as running:
        yield running, authority


@pytest.mark.parametrize("message", SAMPLE, ids=lambda message: message.name)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "octet by octet"])
def test_a_message_is_understood_as_the_corpus_says(server: Server, message: Message, cut: bool) -> None:
    running, authority = server
    with SecureWire(running, authority.trust()) as wire:
        converse(wire, message, one_by_one(message.octets) if cut else [message.octets])
