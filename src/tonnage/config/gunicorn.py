"""Every setting of Gunicorn 27, with what Tonnage makes of it. Data only.

The verdicts are what the manual prints and what the warning at start is made of; a test holds the list against the real
Gunicorn, so none can be missing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Same:
    """Built, and means what it means in Gunicorn; `but` says where a default or a detail differs on purpose."""

    but: str = ""


@dataclass(frozen=True, slots=True)
class Renamed:
    to: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Accepted without effect."""

    because: str


@dataclass(frozen=True, slots=True)
class Refused:
    because: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Accepted and checked; what it does is built with `piece`."""

    piece: str
    stops: str = ""  # set when serving without it would be wrong: the server then refuses to start, and says this


Verdict = Same | Renamed | Ignored | Refused | NotYet

SAME = Same()
WATCHING = NotYet("reloading when files change")
HTTP2 = NotYet("HTTP/2")
SYSLOG = NotYet("syslog")
STATSD = NotYet("metrics")
PROXY = NotYet("PROXY protocol", stops="every connection would begin with a line that is not HTTP")
PROXY_DETAIL = NotYet("PROXY protocol")
UWSGI = NotYet("uwsgi protocol", stops="every request would be answered with 400")
UWSGI_DETAIL = NotYet("uwsgi protocol")
PASTE = NotYet("PasteDeploy", stops="there is no other application to serve")
DIRTY = NotYet("job processes", stops="the application would call processes that do not run")
DIRTY_DETAIL = NotYet("job processes")

VERDICTS: dict[str, Verdict] = {
    # configuration, sockets, workers
    "config": Same("tonnage.toml and pyproject.toml's [tool.tonnage] are read as well"),
    "wsgi_app": Same("`app` is looked for when there is no `application`"),
    "bind": Same("unix:@NAME is an abstract socket; Gunicorn makes a file of that name"),
    "backlog": SAME,
    "workers": Same("at least 1, and the default is auto, where Gunicorn's is 1"),
    "worker_class": Same("sync, gthread and asgi are built; without one, an ASGI application gets asgi"),
    "threads": SAME,
    "worker_connections": Same("enforced for every worker class"),
    "max_requests": Same("the replacement is ready before the worker leaves"),
    "max_requests_jitter": SAME,
    "timeout": Same("a deadline of each request, also with threads; boot_timeout is for loading"),
    "graceful_timeout": SAME,
    "keepalive": Same("75, not 2, and sync keeps connections too"),
    # ASGI
    "asgi_loop": SAME,
    "asgi_lifespan": Same("a failed startup fails the worker's boot"),
    "asgi_disconnect_grace_period": SAME,
    "websocket_max_message_size": SAME,
    "root_path": Same("`path` begins with it, whether the proxy takes it away or not"),
    # limits and strictness
    "http_parser": Ignored("there is one parser"),
    "limit_request_line": Same("8190, not 4094; higher values are honoured"),
    "limit_request_fields": SAME,
    "limit_request_field_size": SAME,
    "permit_obsolete_folding": SAME,
    "strip_header_spaces": SAME,
    "permit_unconventional_http_method": SAME,
    "permit_unconventional_http_version": SAME,
    "casefold_http_method": SAME,
    "forwarder_headers": SAME,
    "header_map": SAME,
    # behind a proxy
    "secure_scheme_headers": SAME,
    "forwarded_allow_ips": SAME,
    "proxy_protocol": PROXY,
    "proxy_allow_ips": PROXY_DETAIL,
    "protocol": UWSGI,
    "uwsgi_allow_ips": UWSGI_DETAIL,
    # HTTP/2
    "http_protocols": HTTP2,
    "http2_cleartext": HTTP2,
    "http2_max_concurrent_streams": HTTP2,
    "http2_initial_window_size": HTTP2,
    "http2_max_frame_size": HTTP2,
    "http2_max_header_list_size": HTTP2,
    # TLS
    "certfile": Same("read once, and again when it changes; one that cannot be used ends the start"),
    "keyfile": Same("read before --user takes effect"),
    "ca_certs": SAME,
    "cert_reqs": Same("needs ca_certs"),
    "ciphers": Same("of TLS 1.2; those of 1.3 are fixed"),
    "ssl_version": Ignored("Gunicorn ignores it too; the best that both sides know, TLS 1.2 at least"),
    "suppress_ragged_eofs": SAME,
    "do_handshake_on_connect": Ignored("the handshake never holds up anybody, and has head_timeout"),
    "ssl_context": Same("called once in each worker, not for each connection, and again when files change"),
    # process
    "preload_app": Same("in a process of its own, so that a reload loads new code"),
    "sendfile": SAME,
    "reuse_port": SAME,
    "chdir": SAME,
    "daemon": Same("the command returns when a worker is ready, or with the exit code of the failure"),
    "enable_stdio_inheritance": SAME,
    "raw_env": SAME,
    "pidfile": SAME,
    "worker_tmp_dir": Ignored("heartbeats are in shared memory, not in files"),
    "user": SAME,
    "group": SAME,
    "initgroups": SAME,
    "umask": SAME,
    "tmp_upload_dir": Same("it has a flag and an effect; nothing in Gunicorn reads it"),
    "pythonpath": SAME,
    "paste": PASTE,
    "raw_paste_global_conf": NotYet("PasteDeploy"),
    "proc_name": SAME,
    "default_proc_name": SAME,
    # logs
    "accesslog": SAME,
    "access_log_format": Same("`json` writes one JSON object a line"),
    "disable_redirect_access_to_syslog": SYSLOG,
    "errorlog": SAME,
    "loglevel": Same("an unknown level is refused, not taken for info"),
    "capture_output": SAME,
    "logger_class": NotYet("Gunicorn's Python classes"),
    "logconfig": SAME,
    "logconfig_dict": SAME,
    "logconfig_json": SAME,
    "syslog": SYSLOG,
    "syslog_addr": SYSLOG,
    "syslog_prefix": SYSLOG,
    "syslog_facility": SYSLOG,
    "statsd_host": STATSD,
    "statsd_prefix": STATSD,
    "dogstatsd_tags": STATSD,
    "enable_backlog_metric": STATSD,
    # development and diagnosis
    "reload": WATCHING,
    "reload_engine": WATCHING,
    "reload_extra_files": WATCHING,
    "spew": NotYet("diagnosis"),
    "check_config": Same("also tries the binds, the TLS files and the worker class"),
    "print_config": Same("also says where each value comes from"),
    # control interface
    "control_socket": Same("called by the server's pid; `tonnage status` and the like ask it, gunicornc cannot"),
    "control_socket_mode": SAME,
    "control_socket_disable": SAME,
    # job processes, "dirty arbiters"
    "dirty_apps": DIRTY,
    "dirty_workers": DIRTY_DETAIL,
    "dirty_timeout": DIRTY_DETAIL,
    "dirty_threads": DIRTY_DETAIL,
    "dirty_graceful_timeout": DIRTY_DETAIL,
    # hooks
    "on_starting": SAME,
    "on_reload": SAME,
    "when_ready": SAME,
    "pre_fork": SAME,
    "post_fork": SAME,
    "post_worker_init": SAME,
    "worker_int": SAME,
    "worker_abort": SAME,
    "pre_exec": SAME,
    "pre_request": SAME,
    "post_request": SAME,
    "child_exit": SAME,
    "worker_exit": SAME,
    "nworkers_changed": SAME,
    "on_exit": SAME,
    "on_dirty_starting": DIRTY_DETAIL,
    "dirty_post_fork": DIRTY_DETAIL,
    "dirty_worker_init": DIRTY_DETAIL,
    "dirty_worker_exit": DIRTY_DETAIL,
}

# Ours, accepted before what they do is built.
NOT_YET: dict[str, NotYet] = {}

# Its own default, said aloud.
DEFAULT_LOGGERS = ("gunicorn.glogging.Logger", "simple")

# What people write after -k, and the worker class that does it.
WORKER_CLASSES = {
    "sync": "sync",
    "gthread": "gthread",
    "asgi": "asgi",
    "gevent": "gevent",
    "gevent_wsgi": "gevent",
    "gevent_pywsgi": "gevent",
    "eventlet": "eventlet",
    "tornado": "tornado",
    "gunicorn.workers.sync.SyncWorker": "sync",
    "gunicorn.workers.gthread.ThreadWorker": "gthread",
    "gunicorn.workers.gasgi.ASGIWorker": "asgi",
    "gunicorn.workers.ggevent.GeventWorker": "gevent",
    "gunicorn.workers.ggevent.GeventPyWSGIWorker": "gevent",
    "gunicorn.workers.gtornado.TornadoWorker": "tornado",
    "gunicorn.workers.geventlet.EventletWorker": "eventlet",
    "uvicorn.workers.UvicornWorker": "asgi",
    "uvicorn.workers.UvicornH11Worker": "asgi",
    "uvicorn_worker.UvicornWorker": "asgi",
    "uvicorn_worker.UvicornH11Worker": "asgi",
}
BUILT_WORKER_CLASSES = ("sync", "gthread", "asgi")
