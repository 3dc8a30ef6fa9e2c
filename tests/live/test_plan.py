"""What is planned for applications whose CPU and waiting time are known; decisions only, speed is measured by
prove/sizing.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from prove.sizing import APP
from tests.live.server import run, serve


@pytest.mark.parametrize(
    ("cpu_s", "wait_s", "worker_class", "threads"),
    [
        (0.004, 0.076, "gthread", range(20, 33)),  # 5 % CPU: 27 threads keep a worker busy
        (0.020, 0.020, "gthread", range(3, 6)),
        (0.020, 0.0, "sync", range(1, 2)),
    ],
    ids=["5 % CPU", "50 % CPU", "100 % CPU"],
)
def test_the_waiting_share_that_is_measured_decides_class_and_threads(
    tmp_path: Path, cpu_s: float, wait_s: float, worker_class: str, threads: range
) -> None:
    (tmp_path / "app.py").write_text(APP.format(cpu_s=cpu_s, wait_s=wait_s))
    measured = run("footprint", "app", "--json", "--requests", "50", "--seconds", "5", cwd=tmp_path)
    assert measured.code == 0, measured.output
    (tmp_path / "measured.json").write_text(measured.stdout)
    found = planned(tmp_path, "--footprint", "measured.json", "--write", "gunicorn.conf.py")
    settings = found["settings"]
    assert settings["worker_class"] == worker_class, found["footprint"]
    assert settings["threads"] in threads, found["footprint"]
    with serve("app", cwd=tmp_path) as server:  # by the file that was written
        assert server.get("/").status == 200
        server.log.wait_for(f"Using worker: {worker_class}")


def planned(directory: Path, *words: str) -> dict[str, Any]:
    done = run("plan", "app", "--json", *words, cwd=directory)
    assert done.code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found
