"""The ASGI applications of frameworks/, and who serves them: Tonnage, and uvicorn to compare with."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.live.server import PATIENCE_S, Running, clean_environ, serve
from tests.live.sites import STEADY

APPS = Path(__file__).with_name("frameworks")
STEADFAST = ["--timeout-keep-alive=600"]
FRAMEWORKS = ("starlette", "fastapi", "django", "quart", "litestar", "falcon")


def environ(directory: Path) -> dict[str, str]:
    """The applications beside this file and the gates in the test's directory can be imported."""
    places = [str(APPS), str(directory), os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, places)), **STEADY}


def serve_asgi(
    framework: str, *arguments: str, cwd: Path, tracebacks: bool = False
) -> contextlib.AbstractContextManager[Running]:
    flags = ["--worker-class", "asgi", *arguments]
    return serve(f"{framework}_app:app", *flags, cwd=cwd, env=environ(cwd), tracebacks=tracebacks)


@contextlib.contextmanager
def uvicorn(framework: str, cwd: Path) -> Iterator[str]:
    """It inherits a socket that listens already, so nobody has to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (cwd / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", f"{framework}_app:app", f"--fd={listener.fileno()}", *STEADFAST],
            cwd=cwd,
            env=clean_environ() | environ(cwd),
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            process.terminate()
            code = process.wait(PATIENCE_S)
    assert code == -signal.SIGTERM, (cwd / "log").read_text()


@dataclass(frozen=True, slots=True)
class Both:
    """The same application behind two servers."""

    framework: str
    ours: str
    theirs: str
