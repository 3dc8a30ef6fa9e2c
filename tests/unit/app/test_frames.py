from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tonnage.app.frames import format_exception, format_stack
from tonnage.app.load import load_app
from tonnage.app.wsgi import Call
from tonnage.errors import BootError


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

    def application(_environ: object, _start_response: object) -> list[bytes]:
        shown.append(format_stack(sys._getframe()))
        raise KeyError

    with pytest.raises(KeyError):
        Call(sink=None).run(application, {})  # type: ignore[arg-type]  # never answered
    assert len(shown[0].splitlines()) == 2
    assert "in application" in shown[0]
