"""h11 and httptools are asked about every message: where they say something else, `differences.py` must say why."""

from fnmatch import fnmatch

import pytest

from tests.wire.corpus import Message, load
from tests.wire.differences import OTHERWISE, STRICTER
from tests.wire.foreign import ORACLES

CORPUS = [message for message in load() if message.is_default and not message.eof]
TABLES = {"stricter": STRICTER, "otherwise": OTHERWISE}


def compare(message: Message, oracle: str) -> str:
    """ "" where they agree, or the table in which the difference must be explained."""
    verdict = ORACLES[oracle]([message.octets])
    wanted = [(request.method, request.target, request.content) for request in message.requests]
    if verdict.requests == wanted and verdict.refused == (message.refused is not None):
        return ""
    return "stricter" if message.refused and verdict.requests[: len(wanted)] == wanted else "otherwise"


def reasons(message: Message, oracle: str, table: str) -> list[str]:
    return [name for name, why in TABLES[table].items() if fnmatch(message.name, name) and oracle in why]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("message", CORPUS, ids=lambda message: message.name)
def test_a_difference_is_explained(message: Message, oracle: str) -> None:
    table = compare(message, oracle)
    assert not table or reasons(message, oracle, table), f"{oracle}: {ORACLES[oracle]([message.octets])}"


@pytest.mark.parametrize("oracle", ORACLES)
def test_an_explanation_is_needed(oracle: str) -> None:
    """What they have mended is taken off the list."""
    used = {
        (table, name)
        for message in CORPUS
        if (table := compare(message, oracle))
        for name in reasons(message, oracle, table)
    }
    listed = {(table, name) for table, names in TABLES.items() for name, why in names.items() if oracle in why}
    assert listed - used == set()
