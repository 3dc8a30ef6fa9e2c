"""Who is believed."""

import pytest

from tonnage.http import forwarded


@pytest.mark.parametrize(
    ("allowed", "peer", "verdict"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["127.0.0.1"], "", True),
        ([], "", True),
        ([], "127.0.0.1", False),
        (["*"], "8.8.8.8", True),
        (["*"], "nonsense", True),
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.0.0.0", False),
        (["10.1.2.3/8"], "10.9.9.9", True),
        (["::1"], "::1", True),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["2001:db8::/32"], "2001:db8::7", True),
        (["2001:db8::/32"], "2001:db9::7", False),
        (["127.0.0.1"], "::ffff:127.0.0.1", True),
        (["::ffff:0:0/96"], "::ffff:127.0.0.1", True),
        (["127.0.0.1"], "nonsense", False),
        (["0.0.0.0/0"], "::1", False),
    ],
)
def test_trust(allowed: list[str], peer: str, verdict: bool) -> None:
    is_trusted = forwarded.trust(allowed)
    assert [is_trusted(peer), is_trusted(peer)] == [verdict, verdict]


def test_strangers_do_not_fill_the_memory() -> None:
    is_trusted = forwarded.trust(["10.0.0.0/8"])
    for number in range(2 * forwarded.REMEMBERED):
        assert not is_trusted(f"11.0.{number // 256}.{number % 256}")
    assert is_trusted("")
    assert is_trusted("10.0.0.1")
