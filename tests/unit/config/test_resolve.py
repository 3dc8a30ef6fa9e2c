import logging
import re
from dataclasses import FrozenInstanceError

import pytest

from tonnage.config import values
from tonnage.config.model import SPECS, Config
from tonnage.config.resolve import Given, near_miss, obstacles, resolve, unbuilt
from tonnage.config.show import plain, shown
from tonnage.config.values import TcpAddress
from tonnage.errors import ConfigError


def test_every_default_comes_from_its_declaration() -> None:
    resolved = resolve([])
    assert resolved.config == Config()
    assert set(resolved.origins.values()) == {"default"}
    for name, spec in SPECS.items():
        assert spec.kind.parse(spec.default) == spec.default, name
        assert spec.check(spec.default) is None, name


def test_the_last_source_that_names_a_setting_decides() -> None:
    weak = {"workers": Given("2", "$WEB_CONCURRENCY"), "threads": Given("4", "$TONNAGE_THREADS")}
    resolved = resolve([weak, {"workers": Given(3, "gunicorn.conf.py:1")}, {"workers": Given(4, "--workers")}])
    assert (resolved.config.workers, resolved.origins["workers"]) == (4, "--workers")
    assert (resolved.config.threads, resolved.origins["threads"]) == (4, "$TONNAGE_THREADS")


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("workers", Given(0, "--workers"), "workers = 0 (from --workers) must be at least 1; the default is auto"),
        (
            "workers",
            Given("many", "$WEB_CONCURRENCY"),
            "workers = 'many' (from $WEB_CONCURRENCY) must be a whole number",
        ),
        ("keepalive", Given(-1, "c.py:3"), "keepalive = -1 (from c.py:3) must be a number of seconds, 0 or more"),
        ("bind", Given([], "c.py:1"), "bind = none (from c.py:1) must name at least one address"),
        ("raw_env", Given(["A"], "--env"), "raw_env = A (from --env) must be NAME=VALUE, not 'A'"),
        ("user", Given("no such user", "--user"), "must be a user of this machine"),
        ("group", Given("no such group", "--group"), "must be a group of this machine"),
        ("user", Given(1.5, "--user"), "must be the name or number of a user"),
        ("header_map", Given([], "c.py:1"), "must be drop or refuse or dangerous"),
        ("worker_class", Given(3, "c.py:1"), "must be a name such as sync or gthread, or a class"),
        ("secure_scheme_headers", Given([], "c.py:1"), "must be a dictionary"),
        ("logconfig_dict", Given("{", "$X"), "must be a JSON object"),
        ("raw_env", Given(3, "c.py:1"), "must be a list of texts"),
        ("post_fork", Given("nowhere.at_all", "c.py:1"), "names a module that cannot be imported"),
    ],
)
def test_a_refusal_names_setting_origin_and_default(name: str, given: Given, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolve([{name: given}])
    assert text in str(refused.value)
    assert f"{name} = " in str(refused.value)
    assert "; the default is " in str(refused.value)


def test_threads_make_sync_gthread_and_say_so() -> None:
    resolved = resolve([{"threads": Given(4, "--threads")}])
    assert resolved.config.worker_class == "gthread"
    assert resolved.origins["worker_class"] == "threads = 4"
    assert resolved.notes == ("4 threads (from --threads): the worker class is gthread, not sync",)
    assert resolve([{"worker_class": Given("gthread", "-k")}]).notes == ()


class SyncWorker:
    __module__ = "gunicorn.workers.sync"
    __qualname__ = "SyncWorker"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sync", "sync"),
        ("egg:gunicorn#gthread", "gthread"),
        ("gunicorn.workers.gthread.ThreadWorker", "gthread"),
        ("gunicorn.workers.ggevent:GeventWorker", "gevent"),
        ("uvicorn.workers.UvicornWorker", "asgi"),
        ("gevent_pywsgi", "gevent"),
        ("my.own.Worker", "my.own.Worker"),
        (SyncWorker, "sync"),
    ],
)
def test_a_worker_class_goes_by_many_names(given: object, expected: str) -> None:
    assert resolve([{"worker_class": Given(given, "c.py:1")}]).config.worker_class == expected


def test_only_what_was_asked_for_is_called_unbuilt() -> None:
    asked = {
        "spew": Given(True, "--spew"),
        "syslog": Given(False, "--log-syslog"),
        "timeout": Given(90, "-t"),
    }
    assert unbuilt(resolve([asked])) == ["spew"]
    assert unbuilt(resolve([])) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("worker_class", "tornado", "worker_class = 'tornado' (from x) is not built yet; sync, gthread and asgi are"),
        ("proxy_protocol", True, "proxy_protocol = 'auto' (from x) is not built yet"),
        ("protocol", "uwsgi", "protocol = 'uwsgi' (from x) is not built yet"),
    ],
)
def test_what_would_serve_something_else_than_asked_for_stops_the_start(name: str, value: object, text: str) -> None:
    resolved = resolve([{name: Given(value, "x")}])
    assert [each for each in obstacles(resolved) if each.startswith(text)]
    assert unbuilt(resolved) == [], "one of the two, not both"


def test_gunicorns_own_logger_is_not_another_one() -> None:
    assert unbuilt(resolve([{"logger_class": Given("gunicorn.glogging.Logger", "x")}])) == []
    assert unbuilt(resolve([{"logger_class": Given(logging.Logger, "x")}])) == ["logger_class"]


def test_only_a_likely_typo_is_pointed_out() -> None:
    assert near_miss("wokers") == "workers"
    assert near_miss("worker-class") == "worker_class"
    assert near_miss("BIND") == "bind"
    assert near_miss("multiprocessing") is None


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("preload", "preload_app"),
        ("access_logfile", "accesslog"),
        ("access-logfile", "accesslog"),
        ("error_logfile", "errorlog"),
        ("log_file", "errorlog"),
        ("proxy_allow_from", "proxy_allow_ips"),
        ("pid", "pidfile"),
        ("keep_alive", "keepalive"),
        ("no_control_socket", "control_socket_disable"),
        ("worker_timeout", "timeout"),
        ("worker_threads", "threads"),
        ("worker_class", "worker_class"),
        ("reload_extra_file", "reload_extra_files"),
        ("env", "raw_env"),
        ("name", "proc_name"),
        ("PID", None),
        ("database_timeout", None),
    ],
)
def test_the_name_of_a_flag_leads_to_its_setting_and_ordinary_names_to_none(name: str, setting: str | None) -> None:
    assert near_miss(name) == setting


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().workers = 2  # type: ignore[misc]


def test_hooks_find_the_names_they_know_from_gunicorn() -> None:
    config = Config(bind=(TcpAddress("::1", 80),), raw_env=("A=b=c",), certfile="cert.pem")
    assert config.address == ("[::1]:80",)
    assert config.env == {"A": "b=c"}
    assert config.is_ssl


@pytest.mark.parametrize("text", ["auto", " AUTO ", values.AUTO])
def test_workers_may_be_auto_which_is_the_default_and_no_number(text: object) -> None:
    found = resolve([{"workers": Given(text, "--workers")}]).config.workers
    assert (found, shown(found), plain(found)) == (0, "auto", "auto")
    assert shown(Config().workers) == "auto"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"min_workers": 4, "max_workers": 3}, "min_workers = 4 (from x) is more than max_workers = 3 (from x)"),
        ({"workers": 4, "max_workers": 3}, "workers = 4 (from x) is more than max_workers = 3 (from x)"),
        ({"workers": 1, "min_workers": 2}, "min_workers = 2 (from x) is more than workers = 1 (from x)"),
    ],
)
def test_numbers_of_workers_that_contradict_each_other_are_refused(given: dict[str, int], text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(text)):
        resolve([{name: Given(value, "x") for name, value in given.items()}])
