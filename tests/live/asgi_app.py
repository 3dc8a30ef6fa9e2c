"""An ASGI application that does, by path, what an application may do, and what it should not."""

from pathlib import Path

from tests.live.apps import Gate

APP = '''
import asyncio, json, os, sys
from gates import pass_gate

def say(text):
    print(text, file=sys.stderr, flush=True)

async def start(send, status=200, headers=(), **more):
    await send({"type": "http.response.start", "status": status, "headers": list(headers), **more})

async def content(send, body=b"", more=False):
    await send({"type": "http.response.body", "body": body, "more_body": more})

async def hello(scope, receive, send):
    await start(send)
    await content(send, b"hello")

async def facts(scope, receive, send):
    await start(send)
    told = {"tasks": len(asyncio.all_tasks()), "fds": len(os.listdir("/proc/self/fd")), "pid": os.getpid()}
    await content(send, json.dumps(told).encode())

async def echo(scope, receive, send):
    await start(send)
    more = True
    while more:
        event = await receive()
        more = event["more_body"]
        await content(send, event["body"], True)
    await content(send)

async def echo_all(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    await hello(scope, receive, send)

async def more_than_it_said(scope, receive, send):
    await start(send, headers=[(b"content-length", b"5")])
    await content(send, b"hel", True)
    await content(send, b"lo, world", True)
    await content(send)

async def less_than_it_said(scope, receive, send):
    await start(send, headers=[(b"content-length", b"5")])
    await content(send, b"hel", True)
    await content(send)

async def ignores_content(scope, receive, send):
    await hello(scope, receive, send)

async def reads(scope, receive, send):
    say("read " + (await receive())["type"])

async def answers_who_left(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass
    await hello(scope, receive, send)

async def listens(scope, receive, send):
    assert (await receive())["type"] == "http.request"
    await asyncio.to_thread(pass_gate, "listens")
    say("heard " + (await receive())["type"])
    try:
        await receive()
    except (OSError, asyncio.CancelledError) as exc:
        say(f"listened on: {type(exc).__name__}")

async def listens_on(scope, receive, send):
    """After the end of the response."""
    await hello(scope, receive, send)
    try:
        while True:
            say("then heard " + (await receive())["type"])
    except OSError as exc:
        say(f"then {type(exc).__name__}")

async def asks(scope, receive, send):
    """As frameworks do that ask again and again, and do not wait."""
    await hello(scope, receive, send)
    told = []
    for _ in range(4):
        asked = asyncio.ensure_future(receive())
        for _ in range(3):
            await asyncio.sleep(0)
        if asked.done():
            told.append(asked.result()["type"])
        else:
            asked.cancel()
    say(f"asked and was told {told}")

async def poll(receive):
    """As Starlette's request.is_disconnected() does: a receive that is not waited for."""
    asked = asyncio.ensure_future(receive())
    for _ in range(2):
        await asyncio.sleep(0)
    return asked.cancelled() if asked.cancel() else asked.result()["type"] == "http.disconnect"

async def polls(scope, receive, send):
    while not await poll(receive):
        await asyncio.sleep(0.1)

async def is_impatient(scope, receive, send):
    kind = ""
    while kind != "http.disconnect":
        try:
            kind = (await asyncio.wait_for(receive(), 0.1))["type"]
        except TimeoutError:
            pass

async def floods_and_polls(scope, receive, send):
    polling = asyncio.ensure_future(polls(scope, receive, send))
    try:
        await floods(scope, receive, send)
    finally:
        polling.cancel()

async def never(scope, receive, send):
    await asyncio.to_thread(pass_gate, "never")
    try:
        await asyncio.Event().wait()
    finally:
        say("the application was cancelled")

async def background(scope, receive, send):
    await hello(scope, receive, send)
    await asyncio.to_thread(pass_gate, "background")
    say("the background work is done")

async def floods(scope, receive, send):
    await start(send)
    try:
        while True:
            await content(send, bytes(65536), True)
    except (OSError, asyncio.CancelledError) as exc:  # by what is noticed first: the reset, or the end and the grace
        say(f"send raised {type(exc).__name__}")

async def returns_early(scope, receive, send):
    pass

async def returns_without_end(scope, receive, send):
    await start(send)
    await content(send, b"some", True)

async def raises_at_once(scope, receive, send):
    raise RuntimeError("on purpose")

async def raises_after_start(scope, receive, send):
    await start(send)
    raise RuntimeError("on purpose")

async def raises_in_content(scope, receive, send):
    await start(send)
    await content(send, b"some", True)
    raise RuntimeError("on purpose")

async def starts_twice(scope, receive, send):
    await start(send)
    await start(send)

async def splits(scope, receive, send):
    await start(send, headers=[(b"x", b"a\\r\\nb: c")])
    await content(send)

async def exits(scope, receive, send):
    sys.exit(1)

async def status(scope, receive, send):
    await start(send, int(scope["query_string"]))
    await content(send)

async def trailers(scope, receive, send):
    told = "http.response.trailers" in scope["extensions"]
    await start(send, trailers=told)
    await content(send, b"told" if told else b"not told")
    if told:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})

async def hints(scope, receive, send):
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await hello(scope, receive, send)

async def path(scope, receive, send):
    await start(send, headers=[(b"content-type", b"text/x")])
    await send({"type": "http.response.pathsend", "path": os.path.abspath("big")})

async def slow(scope, receive, send):
    await asyncio.to_thread(pass_gate, "slow")
    await start(send)
    await content(send, b"slow")

async def blocks(scope, receive, send):
    pass_gate("blocks")
    await hello(scope, receive, send)

async def contexts(scope, receive, send):
    """What frameworks ask of a task, before and after it was suspended."""
    task = asyncio.current_task()
    assert asyncio.get_running_loop() is not None
    async with asyncio.timeout(30):
        if scope["query_string"]:
            await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        assert asyncio.current_task() is task
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        await hello(scope, receive, send)

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await globals()[scope["path"][1:]](scope, receive, send)
'''
MOST = 8 << 20


def gate_at(directory: Path, name: str) -> Gate:
    """A new one: the directory is that of many tests."""
    for end in ("reached", "opened"):
        (directory / f"{name}.{end}").unlink(missing_ok=True)
    return Gate(directory, name)
