import pytest

from tonnage.config import values
from tonnage.config.values import FdAddress, TcpAddress, UnixAddress


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", TcpAddress("localhost", 8000)),
        ("LOCALHOST:9", TcpAddress("localhost", 9)),
        ("0.0.0.0:8000", TcpAddress("0.0.0.0", 8000)),
        (":8000", TcpAddress("", 8000)),
        ("*:80", TcpAddress("", 80)),
        ("8001", TcpAddress("", 8001)),
        ("[::1]:8000", TcpAddress("::1", 8000)),
        ("[::]", TcpAddress("::", 8000)),
        ("tcp://127.0.0.1:80", TcpAddress("127.0.0.1", 80)),
        ("127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("unix:/run/app.sock", UnixAddress("/run/app.sock")),
        ("unix:///run/app.sock", UnixAddress("/run/app.sock")),
        ("unix:app.sock", UnixAddress("app.sock")),
        ("unix:@name", UnixAddress("\0name")),
        ("unix:\0name", UnixAddress("\0name")),
        ("fd://3", FdAddress(3)),
    ],
)
def test_every_form_of_bind_that_gunicorn_takes(text: str, expected: values.Address) -> None:
    assert values.address(text) == expected
    assert values.address(expected) == expected
    assert values.address(str(expected)) == expected, "what is logged can be typed"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1:http", "must have a port, not 'http'"),
        ("0.0.0.0:$PORT", "must have a port, not '$PORT'"),
        ("host:", "must have a port, not ''"),
        ("127.0.0.1:65536", "must have a port up to 65535, not 65536"),
        ("::1:8000", "brackets: [::1]:8000"),
        ("/run/app.sock", "unix:/run/app.sock"),
        ("unix:", "must name a path"),
        ("unix:@", "must name a path"),
        ("fd://x", "must have a file descriptor, not 'x'"),
        ("fd://-1", "must have a file descriptor, not '-1'"),
        (8000, "must be text"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write_instead(text: object, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        values.address(text)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(30, 30.0), (1.5, 1.5), ("30", 30.0), ("1.5", 1.5), ("500ms", 0.5), ("90 s", 90.0), ("2m", 120.0), ("0x10", 16.0)],
)
def test_seconds_are_numbers_or_have_a_unit(raw: object, expected: float) -> None:
    assert values.seconds(raw) == expected


@pytest.mark.parametrize("raw", ["x", "-1", -1, "1w", "", None, float("inf"), float("nan"), [], "1 2"])
def test_other_durations_are_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="must be a number of seconds"):
        values.seconds(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (8190, 8190),
        ("8190", 8190),
        ("512k", 524288),
        ("10m", 10485760),
        ("1G", 1 << 30),
        ("1.5k", 1536),
        ("2MiB", 2 << 20),
    ],
)
def test_octets_are_numbers_or_have_a_binary_unit(raw: object, expected: int) -> None:
    assert values.octets(raw) == expected


@pytest.mark.parametrize("raw", ["x", "10x", "", None, [], 1.5])
def test_other_sizes_are_refused(raw: object) -> None:
    with pytest.raises(ValueError, match=r"must be a (number of bytes|whole number)"):
        values.octets(raw)


@pytest.mark.parametrize(("raw", "expected"), [("0o22", 0o22), ("022", 0o22), ("18", 18), (18, 18), ("0", 0)])
def test_a_mode_may_be_written_as_chmod_does(raw: object, expected: int) -> None:
    assert values.mode(raw) == expected


@pytest.mark.parametrize("raw", ["true", "True", "yes", "on", "1", 1, True])
def test_true(raw: object) -> None:
    assert values.truth(raw) is True


@pytest.mark.parametrize("raw", ["false", "no", "OFF", "0", 0, False, "", None])
def test_false(raw: object) -> None:
    assert values.truth(raw) is False


@pytest.mark.parametrize("raw", ["maybe", 2, []])
def test_neither_true_nor_false(raw: object) -> None:
    with pytest.raises(ValueError, match="must be true or false"):
        values.truth(raw)


@pytest.mark.parametrize("text", ["*", "127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"])
def test_a_network_is_an_address_a_range_or_everybody(text: str) -> None:
    assert values.network(text) == text


@pytest.mark.parametrize("text", ["proxy.local", "10.0.0.1/8", ""])
def test_a_network_that_matches_nobody_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be IP addresses"):
        values.network(text)
