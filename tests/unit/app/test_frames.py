from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tonnage.app.frames import format_exception, format_stack
from tonnage.app.load import load_app
from tonnage.app.wsgi import Call, ResponseFields
from tonnage.errors import BootError


class Nowhere:
    """A Sink."""

    wants_content = False
    takes_files = False

    def whole(self, status: str, fields: ResponseFields, content: bytes) -> None: ...
    def start(self, status: str, fields: ResponseFields, length: int | None) -> None: ...
    def send(self, data: bytes) -> None: ...
    def send_file(self, fd: int, offset: int, count: int) -> None: ...
    def finish(self) -> None: ...


def test_a_failed_import_is_shown_from_the_applications_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outer_frames.py").write_text("import inner_frames\n")
    (tmp_path / "inner_frames.py").write_text("1 / 0\n")
    monkeypatch.setattr(sys, "path", sys.path[:])
    with pytest.raises(BootError) as caught:
        load_app("outer_frames", [str(tmp_path)])
    assert caught.value.__cause__ is not None
    lines = format_exception(caught.value.__cause__).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "outer_frames.py" in lines[1]
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_stack_is_shown_from_the_applications_first_frame() -> None:
    shown = []

    def application(_environ: object, start_response: Callable[[str, ResponseFields], object]) -> list[bytes]:
        shown.append(format_stack(sys._getframe()))
        start_response("204 No Content", [])
        return []

    thread = threading.Thread(target=Call(Nowhere()).run, args=(application, {}))
    thread.start()
    thread.join()
    assert len(shown[0].splitlines()) == 2
    assert "in application" in shown[0]
