import functools

import pytest

from tonnage.config.show import plain, shown
from tonnage.config.values import FdAddress, TcpAddress, UnixAddress


def example_hook(worker: object) -> None: ...


@pytest.mark.parametrize(
    ("value", "text", "simple"),
    [
        (None, "none", None),
        (True, "true", True),
        (30.0, "30", 30),
        (0.5, "0.5", 0.5),
        ("", "''", ""),
        ("a b", "'a b'", "a b"),
        ((), "none", []),
        (("a", "b"), "a, b", ["a", "b"]),
        (
            (TcpAddress("::1", 80), UnixAddress("\0x"), FdAddress(3)),
            "[::1]:80, unix:@x, fd://3",
            ["[::1]:80", "unix:@x", "fd://3"],
        ),
        ({"a": (1, 2)}, "a: [1, 2]", {"a": [1, 2]}),
        ({}, "none", {}),
    ],
)
def test_a_value_is_one_line_for_people_and_plain_for_json(value: object, text: str, simple: object) -> None:
    assert shown(value) == text
    assert plain(value) == simple


def test_a_function_is_its_dotted_name() -> None:
    assert shown(example_hook).endswith("test_show.example_hook")

    @functools.wraps(example_hook)
    def wrapped(worker: object) -> None: ...

    assert shown(wrapped).endswith("test_show.example_hook")
    assert shown(functools.partial(example_hook)).startswith("functools.partial(")
