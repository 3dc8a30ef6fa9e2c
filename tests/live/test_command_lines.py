"""The command lines that people run with Gunicorn today, with nothing changed but the port; and our own commands."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.live.apps import ECHO, HELLO
from tests.live.server import TCP, Running, run, serve

MODULE = {"TONNAGE": f"{sys.executable} -m tonnage"}


def project(directory: Path) -> Path:
    """A package with a wsgi module, as frameworks lay it out."""
    (directory / "myapp").mkdir()
    (directory / "myapp" / "__init__.py").touch()
    (directory / "myapp" / "wsgi.py").write_text(HELLO)
    return directory


def test_the_long_command_line_of_a_deployment_runs_unchanged(tmp_path: Path) -> None:
    line = (
        "myapp.wsgi:application --bind 0.0.0.0:0 --workers 9 --worker-class sync --timeout 120 --max-requests 5000 "
        "--max-requests-jitter 1000 --preload --access-logfile - --error-logfile -"
    )
    with serve(*line.split(), cwd=project(tmp_path), bind=None) as server:
        server.log.wait_for("Booting worker with pid", times=9)
        assert server.get("/page", ("User-Agent", "curl/8")).text == "hello\n"
        server.log.wait_for(
            r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:[\d: +]+\] "GET /page HTTP/1\.1" 200 6 "-" "curl/8"$'
        )


def test_a_unix_socket_is_served(tmp_path: Path) -> None:
    with serve("myapp.wsgi:application", cwd=project(tmp_path), bind=f"unix:{tmp_path}/app.sock") as server:
        assert server.urls == (f"unix:{tmp_path}/app.sock",)
        assert server.get().text == "hello\n"


def test_workers_with_threads_are_gthread(tmp_path: Path) -> None:
    with serve("myapp.wsgi", "--workers", "3", "--threads", "4", cwd=project(tmp_path)) as server:
        server.log.wait_for("Using worker: gthread")
        assert server.get().text == "hello\n"


CONFIGURATION = """
import multiprocessing

cores = multiprocessing.cpu_count()
bind = "127.0.0.1:0"
workers = min(2, cores)
threads = 2
wsgi_app = "myapp.wsgi:application"
raw_env = ["FROM=the configuration"]

def when_ready(server):
    server.log.info("the hook when_ready was called")

def post_fork(server, worker):
    server.log.info("the hook post_fork was called for %s", worker.pid)
"""


@pytest.mark.parametrize("flags", [["-c", "production.py"], ["--config", "file:production.py"]])
def test_a_gunicorn_conf_py_is_obeyed_with_its_hooks(tmp_path: Path, flags: list[str]) -> None:
    (project(tmp_path) / "production.py").write_text(CONFIGURATION)
    (tmp_path / "myapp" / "wsgi.py").write_text(ECHO + "import os\nassert os.environ['FROM'] == 'the configuration'\n")
    with serve(*flags, cwd=tmp_path, bind=None) as server:
        assert server.get().status == 200
        server.log.wait_for("the hook when_ready was called")
        server.log.wait_for("the hook post_fork was called for", times=min(2, os.cpu_count() or 1))


def test_gunicorn_conf_py_in_the_working_directory_needs_no_flag(tmp_path: Path) -> None:
    (project(tmp_path) / "gunicorn.conf.py").write_text(CONFIGURATION)
    with serve(cwd=tmp_path, bind=None) as server:
        assert server.get().text == "hello\n"


def test_the_variables_of_hosting_companies_are_obeyed(tmp_path: Path) -> None:
    env = {"PORT": "0", "WEB_CONCURRENCY": "3", "GUNICORN_CMD_ARGS": "--threads=2"}
    with serve("myapp.wsgi", cwd=project(tmp_path), bind=None, env=env) as server:
        assert server.urls[0].startswith("http://0.0.0.0:")
        server.log.wait_for("Booting worker with pid", times=3)
        server.log.wait_for("Using worker: gthread")


def test_several_addresses_are_served_by_the_same_workers(tmp_path: Path) -> None:
    binds = ["--bind", TCP, "--bind", f"unix:{tmp_path}/app.sock", "-b", TCP]
    with serve("myapp.wsgi", *binds, cwd=project(tmp_path), bind=None) as server:
        assert len(server.urls) == 3
        for url in server.urls:
            assert Running(server.process, (url,), server.log).get().text == "hello\n"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("shop", "application"),
        ("shop:other", "other"),
        ("shop:make()", "made"),
        ("shop:make('by', name='hand')", "made by hand"),
        ("only_app", "app"),
    ],
)
def test_every_way_to_name_an_app_works(tmp_path: Path, spec: str, said: str) -> None:
    (tmp_path / "shop.py").write_text(
        "def say(word):\n"
        "    def app(environ, start_response):\n"
        "        start_response('200 OK', [])\n"
        "        return [word.encode()]\n"
        "    return app\n"
        "application, other = say('application'), say('other')\n"
        "def make(*words, name=''):\n"
        "    return say(' '.join(filter(None, ['made', *words, name])))\n"
    )
    (tmp_path / "only_app.py").write_text("from shop import say\napp = say('app')\n")
    with serve(spec, cwd=tmp_path) as server:
        assert server.get().text == said


def test_chdir_is_where_the_app_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    project(tmp_path / "code")
    with serve("myapp.wsgi", "--chdir", "code", cwd=tmp_path) as server:
        assert server.get().text == "hello\n"


def test_python_dash_m_tonnage_is_the_same_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAGE", MODULE["TONNAGE"])
    with serve("serve", "myapp.wsgi", cwd=project(tmp_path)) as server:
        assert server.get().text == "hello\n"


def test_what_is_not_built_yet_is_said_in_one_line_at_start(tmp_path: Path) -> None:
    with serve(
        "myapp.wsgi", "--dirty-workers", "2", "--statsd-host", "localhost:8125", cwd=project(tmp_path)
    ) as server:
        (line,) = server.log.wait_for(r"^.*\[WARNING\].*not built yet.*$")
        assert "dirty_workers" in line[0]
        assert "statsd_host" in line[0]


def test_check_passes_an_app_that_would_start_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = sorted(project(tmp_path).iterdir())
    ended = run("check", "myapp.wsgi", "--bind", "unix:app.sock", cwd=tmp_path)
    assert ended.code == 0, ended.output
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", [["check"], ["--check-config"]])
def test_check_says_everything_that_is_wrong_at_once(tmp_path: Path, command: list[str]) -> None:
    flags = ["--certfile", "missing.pem", "--pid", "no/such/directory/app.pid", "--bind", TCP]
    ended = run(*command, "myapp.wsgi:nothing", *flags, cwd=project(tmp_path))
    assert ended.code == 1, ended.output
    for word in ("missing.pem", "no/such/directory", "nothing"):
        assert word in ended.output


def test_check_says_that_an_import_raises_and_where(tmp_path: Path) -> None:
    (project(tmp_path) / "myapp" / "wsgi.py").write_text("import missing_dependency\n")
    ended = run("check", "myapp.wsgi", "--bind", TCP, cwd=tmp_path)
    assert ended.code == 1, ended.output
    assert "missing_dependency" in ended.output


def test_check_takes_an_address_that_a_running_tonnage_holds_for_a_good_one(tmp_path: Path) -> None:
    with serve("myapp.wsgi", cwd=project(tmp_path)) as server:
        address = server.urls[0].removeprefix("http://")
        ended = run("check", "myapp.wsgi", "--bind", address, cwd=tmp_path)
        assert ended.code == 0, ended.output
        assert "Tonnage" in ended.output


def test_settings_tells_every_value_and_where_it_came_from(tmp_path: Path) -> None:
    (project(tmp_path) / "gunicorn.conf.py").write_text("workers = 3\n")
    env = {"GUNICORN_CMD_ARGS": "--threads 5"}
    ended = run("settings", "--json", "--timeout", "7", cwd=tmp_path, env=env)
    assert ended.code == 0, ended.output
    told = {name: (value["value"], value["origin"]) for name, value in json.loads(ended.stdout).items()}
    assert told["timeout"] == (7, "--timeout")
    assert told["backlog"] == (2048, "default")
    assert told["threads"][0] == 5
    assert "GUNICORN_CMD_ARGS" in told["threads"][1]
    assert told["workers"][0] == 3
    assert "gunicorn.conf.py" in told["workers"][1]


def test_the_version_is_told(tmp_path: Path) -> None:
    ended = run("--version", cwd=tmp_path)
    assert (ended.code, ended.output[:8]) == (0, "tonnage ")
