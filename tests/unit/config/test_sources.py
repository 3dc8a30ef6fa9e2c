"""Where values come from, and which source wins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tonnage.config.sources import Loaded
from tonnage.config.values import AUTO, TcpAddress, UnixAddress
from tonnage.errors import ConfigError, UsageError

Load = Callable[..., Loaded]

EVERYDAY = (
    "myapp.wsgi:application --bind 0.0.0.0:8000 --workers 9 --worker-class sync --timeout 120 --max-requests 5000 "
    "--max-requests-jitter 1000 --preload --access-logfile - --error-logfile -"
)


def test_an_everyday_command_line_is_read_as_gunicorn_reads_it(loaded: Load) -> None:
    found = loaded(EVERYDAY)
    config = found.config
    assert config.wsgi_app == "myapp.wsgi:application"
    assert config.bind == (TcpAddress("0.0.0.0", 8000),)
    assert (config.workers, config.worker_class, config.timeout) == (9, "sync", 120.0)
    assert (config.max_requests, config.max_requests_jitter, config.preload_app) == (5000, 1000, True)
    assert (config.accesslog, config.errorlog) == ("-", "-")
    assert found.obstacles == ()


@pytest.mark.parametrize(
    "line",
    [
        "-w 4 -b :8000 app:app",
        "app:app -w4 -b=:8000",
        "app:app --workers=4 --bind unix:/run/app.sock --umask 007 --user nobody --group 65534",
        "--bind 127.0.0.1:8000 --bind [::1]:8000 app:app --log-level debug --capture-output",
        "app:create_app('prod') -k gthread --threads 8 --worker-tmp-dir /dev/shm --keep-alive 65",
        "app --forwarded-allow-ips * --proxy-allow-from 10.0.0.0/8 --limit-request-field_size 16380",
        "app -c python:json --chdir / --pythonpath /opt/a,/opt/b -e A=1 -e B=2 -n site -p /run/site.pid -t 0",
        "app --statsd-host localhost:8125 --statsd-prefix web --dogstatsd-tags a:b --log-syslog --log-syslog-to udp://h:1",
        "app --worker-connections 2000 -k gevent --graceful-timeout 10 --backlog 4096 --reuse-port --no-sendfile",
        "app --certfile c.pem --keyfile k.pem --ciphers HIGH --cert-reqs 2 --ca-certs ca.pem --ssl-version TLSv1_2",
        "app --reload --reload-extra-file a.html --reload-extra-file *.txt --reload-engine poll --spew -R",
        "app --access-logformat %(h)s --log-file=- --log-config-json l.json --log-config l.ini --initgroups -m 0o22",
    ],
)
def test_command_lines_people_run_are_accepted(loaded: Load, line: str) -> None:
    assert loaded(line).config.wsgi_app


def test_sources_from_weak_to_strong(loaded: Load, tmp_path: Path) -> None:
    def origin(line: str = "", **environ: str) -> tuple[int, str]:
        found = loaded(line, environ)
        return found.config.workers, found.origins["workers"]

    assert origin() == (AUTO, "default")
    assert origin(WEB_CONCURRENCY="2") == (2, "$WEB_CONCURRENCY")
    assert origin(WEB_CONCURRENCY="2", TONNAGE_WORKERS="3") == (3, "$TONNAGE_WORKERS")
    (tmp_path / "gunicorn.conf.py").write_text("\nworkers = 4\n")
    assert origin(WEB_CONCURRENCY="2") == (4, "gunicorn.conf.py:2")
    assert origin(GUNICORN_CMD_ARGS="--workers=5") == (5, "--workers in $GUNICORN_CMD_ARGS")
    both = {"GUNICORN_CMD_ARGS": "--workers=5", "TONNAGE_CMD_ARGS": "-w 6"}
    assert origin(**both) == (6, "--workers in $TONNAGE_CMD_ARGS")
    assert origin("-w 7", **both) == (7, "--workers")


def test_variables_of_platforms(loaded: Load) -> None:
    config = loaded("", {"PORT": "5000", "FORWARDED_ALLOW_IPS": "*", "SENDFILE": "no"}).config
    assert config.bind == (TcpAddress("0.0.0.0", 5000),)
    assert config.forwarded_allow_ips == ("*",)
    assert config.sendfile is False


def test_an_empty_variable_is_no_variable(loaded: Load) -> None:
    found = loaded("", {"PORT": "", "WEB_CONCURRENCY": "", "GUNICORN_CMD_ARGS": ""})
    assert set(found.origins.values()) == {"default"}


def test_an_empty_list_of_proxies_trusts_nobody(loaded: Load) -> None:
    assert loaded("", {"FORWARDED_ALLOW_IPS": ""}).config.forwarded_allow_ips == ()
    assert loaded("", {"TONNAGE_FORWARDED_ALLOW_IPS": "", "FORWARDED_ALLOW_IPS": "*"}).config.forwarded_allow_ips == ()


def test_bind_on_the_command_line_replaces_the_files(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("bind = ['127.0.0.1:1', '127.0.0.1:2']\n")
    assert loaded().config.bind == (TcpAddress("127.0.0.1", 1), TcpAddress("127.0.0.1", 2))
    again = loaded("-b unix:/run/app.sock -b :3,:4").config.bind
    assert again == (UnixAddress("/run/app.sock"), TcpAddress("", 3), TcpAddress("", 4))


def test_what_the_file_turned_on_can_be_turned_off(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("preload_app = True\nsendfile = False\n")
    config = loaded("--no-preload --sendfile").config
    assert (config.preload_app, config.sendfile) == (False, True)
    assert loaded("--no-sendfile").config.sendfile is False


def test_a_flag_may_go_without_its_value(loaded: Load) -> None:
    assert loaded("app --proxy-protocol").config.proxy_protocol == "auto"
    assert loaded("app --proxy-protocol v2").config.proxy_protocol == "v2"


def test_an_abbreviated_flag_is_named_whole(loaded: Load) -> None:
    assert loaded("--graceful 5").origins["graceful_timeout"] == "--graceful-timeout"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--workers many", "argument -w/--workers: 'many' must be a whole number, or auto"),
        ("--wokers 3", "there is no flag --wokers; did you mean --workers?"),
        ("--nothing-like-it", "there is no flag --nothing-like-it (see `tonnage --help`)"),
        ("--workers", "argument -w/--workers: expected one argument"),
        ("--log x", "ambiguous option: --log"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_a_usage_error(loaded: Load, line: str, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        loaded(line)
    assert text in str(refused.value)


def test_arguments_in_variables_are_refused_under_their_name(loaded: Load) -> None:
    with pytest.raises(UsageError, match=r"\$GUNICORN_CMD_ARGS: .*--workers: 'x' must be a whole number"):
        loaded("", {"GUNICORN_CMD_ARGS": "--workers x"})
    with pytest.raises(UsageError, match=r"\$TONNAGE_CMD_ARGS: No closing quotation"):
        loaded("", {"TONNAGE_CMD_ARGS": "--name 'site"})


def test_chdir_is_made_absolute_and_must_be_there(loaded: Load, tmp_path: Path) -> None:
    assert loaded().config.chdir == str(tmp_path)
    (tmp_path / "sub").mkdir()
    assert loaded("--chdir sub").config.chdir == str(tmp_path / "sub")
    with pytest.raises(ConfigError, match=r"chdir = 'nowhere' \(from --chdir\) is not a directory: .*/nowhere"):
        loaded("--chdir nowhere")
    assert loaded("--chdir sub --tmp-upload-dir .").config.tmp_upload_dir == "."
    with pytest.raises(ConfigError, match=r"tmp_upload_dir = 'nowhere' \(from --tmp-upload-dir\) .*/sub/nowhere"):
        loaded("--chdir sub --tmp-upload-dir nowhere")


def test_the_file_is_looked_for_where_the_command_was_started(loaded: Load, tmp_path: Path) -> None:
    """As Gunicorn does: --chdir moves the application, not the configuration file."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "gunicorn.conf.py").write_text("workers = 4")
    assert loaded("--chdir sub").config.workers == 4


def test_the_file_can_be_named_anywhere(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("workers = 4")
    for line, environ in (
        ("-c my.py", {}),
        ("--config file:my.py", {}),
        ("", {"GUNICORN_CMD_ARGS": "-c my.py"}),
        ("", {"TONNAGE_CONFIG": "my.py"}),
    ):
        assert loaded(line, environ).config.workers == 4


def test_the_application_may_be_named_in_the_file(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text("wsgi_app = 'site.wsgi'\n")
    assert loaded().config.wsgi_app == "site.wsgi"
    assert loaded("other.wsgi").config.wsgi_app == "other.wsgi"
    assert loaded("other.wsgi").origins["wsgi_app"] == "command line"


VARIABLES = {"TONNAGE_WOKERS": "3", "TONNAGE_MINE": "x", "TONNAGE_PRELOAD": "1"}


def test_warnings_say_what_has_no_effect(loaded: Load) -> None:
    found = loaded("app extra words --spew --statsd-host localhost:8125", VARIABLES)
    assert found.warnings == (
        "only 'app' is served; ignored: extra words",
        "$TONNAGE_WOKERS is not a setting; did you mean $TONNAGE_WORKERS?",
        "$TONNAGE_PRELOAD is not a setting; did you mean $TONNAGE_PRELOAD_APP?",
        "accepted but not built yet: statsd_host, spew",
    )


def test_nothing_is_warned_of_when_nothing_was_asked_for(loaded: Load) -> None:
    assert loaded("app").warnings == ()
    assert loaded("app --no-spew --no-log-syslog").warnings == ()
