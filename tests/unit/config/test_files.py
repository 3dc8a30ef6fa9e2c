"""gunicorn.conf.py, tonnage.toml, pyproject.toml."""

import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tonnage.config.sources import Loaded
from tonnage.config.values import TcpAddress, UnixAddress
from tonnage.errors import ConfigError

Load = Callable[..., Loaded]

USUAL = '''
"""A production file as people have it."""
import multiprocessing
import os

_private = "helper"
max_workers = int(os.environ.get("NOBODY_SETS_THIS", "0")) or 64

bind = "unix:/run/gunicorn.sock"
backlog = 2048
workers = min(multiprocessing.cpu_count() * 2 + 1, max_workers)
worker_class = "gthread"
threads = int(os.environ.get("NOBODY_SETS_THIS", 4))
timeout = 120
graceful_timeout = 30
keepalive = 5
max_requests = 1000
max_requests_jitter = 100
errorlog = "-"
loglevel = os.environ.get("NOBODY_SETS_THIS")
accesslog = "-"
access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s'
proc_name = "site"
forwarded_allow_ips = "*"
secure_scheme_headers = {"X-Forwarded-Proto": "https"}
raw_env = ["DJANGO_SETTINGS_MODULE=site.settings", "DEBUG=0"]
tmp_upload_dir = None
logconfig_dict = {"version": 1, "disable_existing_loggers": False}


def post_fork(server, worker):
    server.log.info("Worker spawned (pid: %s)", worker.pid)


def when_ready(server):
    server.log.info("Server is ready. Spawning workers")


def post_request(worker, req, environ, resp):
    pass


def pre_request(worker, req): worker.log.debug("%s %s", req.method, req.path)


class Helper:
    workers = 3
'''


def test_a_production_file_works_as_it_is(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(USUAL)
    found = loaded()
    config = found.config
    assert config.bind == (UnixAddress("/run/gunicorn.sock"),)
    assert config.workers == multiprocessing.cpu_count() * 2 + 1
    assert (config.worker_class, config.threads, config.keepalive, config.loglevel) == ("gthread", 4, 5.0, "info")
    assert config.secure_scheme_headers == {"X-FORWARDED-PROTO": "https"}
    assert config.env == {"DJANGO_SETTINGS_MODULE": "site.settings", "DEBUG": "0"}
    assert config.post_fork is not None
    assert config.on_exit is None
    assert found.origins["workers"] == "gunicorn.conf.py:11", "not the one in a class or function"
    assert found.origins["timeout"] == "gunicorn.conf.py:14"
    assert found.origins["post_fork"] == "gunicorn.conf.py:31"
    assert found.origins["loglevel"] == "default", "None: the file does not say"
    assert found.file == tmp_path / "gunicorn.conf.py"
    assert found.warnings == ()


def test_a_file_may_import_its_neighbours(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_the_file.py").write_text("def started(server):\n    return 'started'\n")
    (tmp_path / "gunicorn.conf.py").write_text(
        "from neighbour_of_the_file import started as on_starting\non_exit = 'neighbour_of_the_file.started'\n"
    )
    config = loaded().config
    assert config.on_starting is not None
    assert config.on_starting is config.on_exit


def test_hooks_are_found_where_the_application_is(loaded: Load, tmp_path: Path) -> None:
    for name in ("site", "lib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"hooks_of_{name}.py").write_text("def on_exit(server): ...\n")
    (tmp_path / "tonnage.toml").write_text("on_exit = 'hooks_of_site.on_exit'\non_starting = 'hooks_of_lib.on_exit'\n")
    assert loaded(f"--chdir site --pythonpath {tmp_path}/lib").config.on_exit is not None
    assert str(tmp_path / "site") in sys.path


def test_a_module_can_be_the_configuration(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "package_of_settings").mkdir()
    (tmp_path / "package_of_settings" / "prod.py").write_text("workers = 3\n")
    found = loaded("-c python:package_of_settings.prod")
    assert (found.config.workers, found.origins["workers"]) == (3, "python:package_of_settings.prod:1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 4\ntimeout = 3 +\n", "gunicorn.conf.py:2: SyntaxError: invalid syntax, in: timeout = 3 +"),
        (
            "\nworkers = cpu_count()\n",
            "gunicorn.conf.py:2: NameError: name 'cpu_count' is not defined, in: workers = cpu_count()",
        ),
        (
            "import nowhere_to_be_found\n",
            "gunicorn.conf.py:1: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("import sys\nsys.exit(3)\n", "gunicorn.conf.py:2: SystemExit: 3"),
        ("def f():\n    raise KeyError('A')\n\nf()\n", "gunicorn.conf.py:2: KeyError: 'A', in: raise KeyError('A')"),
        (
            "workers = 'many'\n",
            "workers = 'many' (from gunicorn.conf.py:1) must be a whole number, or auto; the default is auto",
        ),
        ("def post_fork(server): pass\n", "(from gunicorn.conf.py:1) must accept 2 arguments: server, worker"),
        ("workers = 4\0\n", "gunicorn.conf.py"),
    ],
)
def test_a_broken_file_is_one_line_with_its_place(loaded: Load, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(text)
    with pytest.raises(ConfigError) as refused:
        loaded()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_syntax_error_in_a_neighbour_is_told_with_its_own_place(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "broken_neighbour.py").write_text("x =\n")
    (tmp_path / "gunicorn.conf.py").write_text("import broken_neighbour\n")
    with pytest.raises(ConfigError, match=r"broken_neighbour\.py:1: SyntaxError"):
        loaded()


def test_typos_are_pointed_out_and_helpers_are_not(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("import os\nwokers = 4\nhost = 'x'\n_worker = 1\nThreads = 3\n")
    assert loaded().warnings == (
        "gunicorn.conf.py:2: wokers is not a setting; did you mean workers?",
        "gunicorn.conf.py:5: Threads is not a setting; did you mean threads?",
    )


def test_the_name_of_a_flag_is_pointed_out_with_its_key_and_ordinary_names_are_not(
    loaded: Load, tmp_path: Path
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(FLAGS_FOR_KEYS)
    assert loaded().warnings == (
        f"gunicorn.conf.py:3: preload is not a setting; the key of --preload is preload_app{NO_HARM}",
        f"gunicorn.conf.py:4: access_logfile is not a setting; the key of --access-logfile is accesslog{NO_HARM}",
        "gunicorn.conf.py:5: worker_timeout is not a setting; did you mean timeout?",
    )


NO_HARM = ". If it is a variable of your own, nothing is wrong"
FLAGS_FOR_KEYS = """
from pathlib import Path as log_config
preload = True
access_logfile = "-"
worker_timeout = 4
name = "shop"
bind = f"unix:/run/{name}.sock"
env = {}
PID = 7
log_file = "/dev/null"
errorlog = log_file

def helper():
    pid = env
"""


def test_a_helper_beside_the_setting_it_resembles_is_no_typo(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("worker = 4\nworkers = worker\n")
    assert loaded().warnings == ()


TOML = """
bind = ["127.0.0.1:9000", "unix:/run/app.sock"]
workers = 3
worker_class = "gthread"
keepalive = "2m"
limit_request_body = "10m"
post_fork = "logging.log"

[secure_scheme_headers]
X-Forwarded-Proto = "https"
"""


def test_toml_has_the_same_keys(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "tonnage.toml").write_text(TOML)
    found = loaded()
    assert found.config.bind == (TcpAddress("127.0.0.1", 9000), UnixAddress("/run/app.sock"))
    assert (found.config.keepalive, found.config.limit_request_body) == (120.0, 10 << 20)
    assert found.config.secure_scheme_headers == {"X-FORWARDED-PROTO": "https"}
    assert found.config.post_fork is not None
    assert found.origins["workers"] == "tonnage.toml:3"
    assert found.origins["secure_scheme_headers"] == "tonnage.toml:9"


def test_pyproject_has_a_table(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'site'\n")
    assert loaded().file is None, "a pyproject.toml without the table is none of our business"
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'site'\n\n[tool.tonnage]\nworkers = 5\n")
    assert loaded().config.workers == 5
    assert loaded("-c pyproject.toml").origins["workers"] == "pyproject.toml:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 3\nwokers = 4\n", "tonnage.toml:2: wokers is not a setting; did you mean workers?"),
        ("worker-class = 'sync'\n", "tonnage.toml:1: worker-class is not a setting; did you mean worker_class?"),
        ("preload = true\n", "tonnage.toml:1: preload is not a setting; the key of --preload is preload_app"),
        (
            "access-logfile = '-'\n",
            "tonnage.toml:1: access-logfile is not a setting; the key of --access-logfile is accesslog",
        ),
        ("colour = 'red'\n", "tonnage.toml:1: colour is not a setting; see `tonnage settings`"),
        ("workers = \n", "tonnage.toml cannot be read as TOML: Invalid value (at line 1, column 11)"),
        ("workers = 0\n", "workers = 0 (from tonnage.toml:1) must be at least 1"),
    ],
)
def test_toml_holds_settings_only(loaded: Load, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tonnage.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        loaded()
    assert message in str(refused.value)


def test_one_file_is_read_and_the_others_are_named(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
    (tmp_path / "tonnage.toml").write_text("workers = 3\n")
    found = loaded()
    assert found.config.workers == 2
    assert found.warnings == ("tonnage.toml is not read, because gunicorn.conf.py is there",)
    assert loaded("-c tonnage.toml").config.workers == 3
    assert loaded("-c tonnage.toml").warnings == ()


@pytest.mark.parametrize("named", ["nowhere.py", "file:nowhere.py", "nowhere.toml"])
def test_a_named_file_must_be_there(loaded: Load, named: str) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.\w+, the configuration file, does not exist; looked for /"):
        loaded(f"-c {named}")


def test_a_directory_is_no_file(loaded: Load) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        loaded("-c .")


def test_a_module_that_cannot_be_imported(loaded: Load) -> None:
    with pytest.raises(ConfigError, match=r"python:nowhere\.at\.all cannot be imported: ModuleNotFoundError"):
        loaded("-c python:nowhere.at.all")


def test_the_file_is_a_module_of_its_own(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("assert __name__ == '__config__'\nproc_name = __file__\n")
    assert loaded().config.proc_name == str(tmp_path / "gunicorn.conf.py")
