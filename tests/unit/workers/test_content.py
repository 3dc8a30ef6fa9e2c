from __future__ import annotations

import io
from pathlib import Path

import pytest

from tonnage.workers.content import MEMORY, Content


@pytest.mark.parametrize("size", [0, 10, MEMORY, MEMORY + 1, 3 * MEMORY])
def test_what_was_added_is_what_is_read(tmp_path: Path, size: int) -> None:
    content = Content(str(tmp_path))
    whole = bytes(i % 251 for i in range(size))
    for start in range(0, size, 100_000):
        content.add(whole[start : start + 100_000])
    assert content.length == size
    assert content.open().read() == whole
    content.close()


def test_much_content_goes_to_a_file_and_little_stays_in_memory(tmp_path: Path) -> None:
    content = Content(str(tmp_path))
    content.add(b"x" * MEMORY)
    assert isinstance(content.open(), io.BytesIO)
    content.close()
    content = Content(str(tmp_path))
    content.add(b"x" * MEMORY)
    content.add(b"y")
    reader = content.open()
    assert not isinstance(reader, io.BytesIO)
    assert reader.read() == b"x" * MEMORY + b"y"
    content.close()


def test_content_that_does_not_fit_on_the_disk_is_an_error_at_once_and_closes_quietly() -> None:
    content = Content("/dev/shm/no-such-directory")
    with pytest.raises(OSError, match="No such file"):
        content.add(b"x" * (MEMORY + 1))
    content.close()
