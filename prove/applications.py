"""The application that is served, in both conventions, and the releases of it that are broken.

Its answer repeats the request's path, the length and checksum of its content, and names the version and the process,
so the client sees who has answered what. It takes SERVICE_S to answer, mostly waiting, as an application with a
database does. /slow/MS waits longer; /held/MS/N too, and leaves a file that names the process in which it is.
"""

from __future__ import annotations

from pathlib import Path

SERVICE_S = 0.002

GOOD = f"""
import asyncio, os, pathlib, signal, time, zlib  # signal: for the release that crashes

VERSION = pathlib.Path("version").read_text()
HERE = pathlib.Path.cwd()


def plan(path):
    words = path.split("/")
    if words[1] not in ("held", "slow"):
        return {SERVICE_S}
    if words[1] == "held":
        (HERE / ".".join(["inside", str(os.getpid()), *words[3:]])).touch()
    return int(words[2]) / 1000


def tell(path, content):
    return f"{{path}} {{len(content)}} {{zlib.crc32(content)}} {{VERSION}} {{os.getpid()}}\\n".encode()


def application(environ, start_response):
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    time.sleep(plan(environ["PATH_INFO"]))
    body = tell(environ["PATH_INFO"], content)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    content, more = b"", True
    while more:
        event = await receive()
        content, more = content + event.get("body", b""), event.get("more_body", False)
    await asyncio.sleep(plan(scope["path"]))
    body = tell(scope["path"], content)
    fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": fields}})
    await send({{"type": "http.response.body", "body": body}})
"""

# Half of a slow import is work and half is waiting; so is a real one.
SLOW_IMPORT = (
    "import time\nend = time.monotonic() + {half_s}\nwhile time.monotonic() < end: pass\ntime.sleep({half_s})\n"
)

IMPORT_ERROR = "import a_module_that_this_release_forgot\n"
EXIT = "import sys\nsys.exit(1)\n"
HANG = "import time\ntime.sleep(3600)\n"
CRASH_AT_20 = (
    GOOD
    + """

answered, good, good_asgi = 0, application, asgi


def count():
    global answered
    answered += 1
    if answered == 20:
        os.kill(os.getpid(), signal.SIGSEGV)


def application(environ, start_response):
    count()
    return good(environ, start_response)


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        count()
    await good_asgi(scope, receive, send)
"""
)


def slow(import_s: float) -> str:
    return SLOW_IMPORT.format(half_s=import_s / 2) + GOOD


def write(directory: Path, source: str, version: str) -> None:
    for name, text in (("version", version), ("app.py", source)):
        put(directory / name, text)


def put(path: Path, text: str) -> None:
    """At once, as a deploy does: nobody ever imports half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.rename(path)
