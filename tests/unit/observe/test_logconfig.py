from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.unit.observe.exchanges import exchange
from tonnage.config.model import Config
from tonnage.errors import ConfigError
from tonnage.observe import log
from tonnage.observe.access import open_access_log

FORMAT = "%(m)s %(U)s %(s)s"


def dictionary(where: Path) -> dict[str, object]:
    """As in a gunicorn.conf.py: both logs into files of the operator's own."""
    return {
        "version": 1,
        "formatters": {"mine": {"format": "mine %(levelname)s %(message)s"}},
        "handlers": {
            name: {"class": "logging.FileHandler", "filename": str(where / name), "formatter": "mine"}
            for name in ("errors", "access")
        },
        "root": {"level": "INFO", "handlers": []},
        "loggers": {
            "gunicorn.error": {"level": "WARNING", "handlers": ["errors"], "propagate": False},
            "gunicorn.access": {"level": "INFO", "handlers": ["access"], "propagate": False},
        },
    }


INI = """
[loggers]
keys = root, gunicorn.error, gunicorn.access
[handlers]
keys = errors, access
[formatters]
keys = mine
[logger_root]
handlers =
[logger_gunicorn.error]
qualname = gunicorn.error
level = WARNING
handlers = errors
propagate = 0
[logger_gunicorn.access]
qualname = gunicorn.access
level = INFO
handlers = access
propagate = 0
[handler_errors]
class = FileHandler
formatter = mine
args = ("%(here)s/errors",)
[handler_access]
class = FileHandler
formatter = mine
args = ("%(here)s/access",)
[formatter_mine]
format = mine %(levelname)s %(message)s
"""


def configured(kind: str, where: Path) -> Config:
    (where / "log.json").write_text(json.dumps(dictionary(where)))
    (where / "log.ini").write_text(INI)
    if kind == "logconfig_dict":
        return Config(logconfig_dict=dictionary(where), access_log_format=FORMAT)
    if kind == "logconfig_json":
        return Config(logconfig_json=str(where / "log.json"), access_log_format=FORMAT)
    return Config(logconfig=str(where / "log.ini"), access_log_format=FORMAT)


@pytest.mark.parametrize("kind", ["logconfig_dict", "logconfig_json", "logconfig"])
def test_gunicorns_names_in_a_configuration_mean_our_loggers(kind: str, tmp_path: Path) -> None:
    config = configured(kind, tmp_path)
    log.setup(config)
    log.error_log.info("not written")
    log.error_log.warning("written")
    access = open_access_log(config)
    assert access is not None
    access(exchange())
    access.flush()
    assert (tmp_path / "errors").read_text() == "mine WARNING written\n"
    assert (tmp_path / "access").read_text() == "mine INFO GET /articles/caf\xc3\xa9 200\n"


def test_the_operators_files_are_reopened(tmp_path: Path) -> None:
    log.setup(configured("logconfig_dict", tmp_path))
    (tmp_path / "errors").rename(tmp_path / "errors.1")
    log.reopen()
    log.error_log.error("new")
    assert (tmp_path / "errors").read_text() == "mine ERROR new\n"


def test_the_dictionary_comes_before_json_and_json_before_ini(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("{")
    broken = str(tmp_path / "broken")
    log.setup(Config(logconfig_dict=dictionary(tmp_path), logconfig_json=broken, logconfig=broken))
    (tmp_path / "log.json").write_text(json.dumps(dictionary(tmp_path)))
    log.setup(Config(logconfig_json=str(tmp_path / "log.json"), logconfig=broken))


def test_what_a_dictionary_leaves_out_is_there_and_every_line_goes_out_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Gunicorn the access line would be on stdout twice."""
    config = Config(
        logconfig_dict={"formatters": {"generic": {"format": "mine %(message)s"}}}, access_log_format=FORMAT
    )
    log.setup(config)
    log.error_log.info("error")
    access = open_access_log(config)
    assert access is not None
    access(exchange(environ={"PATH_INFO": "/"}))
    out, err = capfd.readouterr()
    assert (out, err) == ("mine GET / 200\n", "mine error\n")


def test_the_parent_of_both_has_a_name_too(tmp_path: Path) -> None:
    given = {**dictionary(tmp_path), "loggers": {"gunicorn": {"level": "INFO", "handlers": ["errors"]}}}
    log.setup(Config(errorlog="/dev/null", logconfig_dict=given))
    log.error_log.warning("through the parent")
    assert (tmp_path / "errors").read_text() == "mine WARNING through the parent\n"


def test_where_the_configuration_leaves_the_access_log_alone_its_file_has_it(tmp_path: Path) -> None:
    given = {"handlers": {}, "root": {}, "loggers": {"django": {"level": "INFO", "handlers": []}}}
    config = Config(
        errorlog=str(tmp_path / "ours"),
        accesslog=str(tmp_path / "requests"),
        logconfig_dict=given,
        access_log_format=FORMAT,
    )
    log.setup(config)
    access = open_access_log(config)
    assert access is not None
    access(exchange(environ={"PATH_INFO": "/"}))
    access.flush()
    log.error_log.info("mine")
    assert (tmp_path / "requests").read_text() == "GET / 200\n"
    assert (tmp_path / "ours").read_text().endswith("[INFO] mine\n")


def test_a_configuration_cannot_silence_the_server_by_not_naming_it(tmp_path: Path) -> None:
    given = {"version": 1, "handlers": {}, "root": {}, "loggers": {}, "disable_existing_loggers": True}
    log.setup(Config(errorlog=str(tmp_path / "ours"), logconfig_dict=given))
    log.error_log.error("heard")
    assert (tmp_path / "ours").read_text().endswith("heard\n")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"version": 2}, "logconfig_dict: Unsupported version: 2"),
        ({"handlers": {"console": {"class": "no.such.Handler"}}}, "logconfig_dict: .*'console': .*no.such"),
        ({"handlers": {}}, "logconfig_dict: .*'error_console'"),
    ],
)
def test_a_wrong_dictionary_is_refused_with_the_reason(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        log.setup(Config(errorlog="/dev/null", logconfig_dict=given))


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file"), ("{", "Expecting"), ("[]", "one JSON object"), ('{"version": 3}', "Unsupported version")],
)
def test_a_wrong_json_file_is_refused_by_name(content: str | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"logconfig_json = {path}: .*{problem}"):
        log.setup(Config(errorlog="/dev/null", logconfig_json=str(path)))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        ("nonsense", "no section headers"),
        ("[loggers]\nkeys=root\n", "section 'formatters' is missing"),
        (INI.replace("class = FileHandler", "class = NoSuch"), "NoSuch"),
        (INI.replace("args = (", "args = (nothing,"), "nothing"),
    ],
)
def test_a_wrong_ini_file_is_refused_by_name(content: str | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "log.ini"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=rf"(?s)logconfig = {path}: .*{problem}"):
        log.setup(Config(errorlog="/dev/null", logconfig=str(path)))


def test_logging_config_is_not_even_imported_without_need() -> None:
    import subprocess
    import sys

    code = "import sys; from tonnage.observe import access; sys.exit('logging.config' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_root_is_left_alone_without_a_configuration() -> None:
    before = logging.root.handlers[:]
    log.setup(Config(errorlog="/dev/null"))
    assert logging.root.handlers == before
