import logging

import pytest

from tonnage import hooks
from tonnage.config.sections.hooks import Hooks
from tonnage.config.setting import declared


def test_every_hook_is_a_setting() -> None:
    assert {spec.name for spec in declared(Hooks)} == set(hooks.PARAMETERS)


def test_none_is_no_hook() -> None:
    assert hooks.adapt("on_exit", None) is None


def test_a_function_that_takes_the_arguments_is_taken_as_it_is() -> None:
    def post_fork(server: object, worker: object) -> None: ...

    def anything(*arguments: object) -> None: ...

    def more(server: object, worker: object, extra: int = 0) -> None: ...

    for function in (post_fork, anything, more, max):
        assert hooks.adapt("post_fork", function) is function


class Spy:
    def method(self, server: object) -> None: ...

    def __call__(self, worker: object) -> None: ...


def test_methods_and_callable_objects_are_hooks() -> None:
    spy = Spy()
    assert hooks.adapt("on_exit", spy.method) == spy.method
    assert hooks.adapt("worker_int", spy) is spy


def test_post_request_takes_two_three_or_four_arguments() -> None:
    called: list[tuple[object, ...]] = []

    def two(worker: object, req: object) -> None:
        called.append((worker, req))

    def three(worker: object, req: object, environ: object) -> None:
        called.append((worker, req, environ))

    def four(worker: object, req: object, environ: object, resp: object) -> None:
        called.append((worker, req, environ, resp))

    for function in (two, three, four):
        adapted = hooks.adapt("post_request", function)
        assert adapted is not None
        adapted(1, 2, 3, 4)
        assert hooks.adapt("post_request", adapted) is adapted
    assert called == [(1, 2), (1, 2, 3), (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("post_fork", lambda server: None, "must accept 2 arguments: server, worker"),
        ("on_exit", lambda: None, "must accept 1 argument: server"),
        ("post_request", lambda worker: None, "must accept 2 to 4 arguments: worker, req, environ, resp"),
        ("on_exit", 3, "must be a function"),
        ("on_exit", "logging.NOTSET", "must be a function"),
        ("on_exit", "print", "must be a function or 'module.function', not 'print'"),
        ("on_exit", "logging.no_such_name", "names 'no_such_name', which module 'logging' does not define"),
        ("on_exit", "no_such_module:name", "names a module that cannot be imported (No module named 'no_such_module')"),
    ],
)
def test_what_is_no_hook_is_refused_with_the_reason(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        hooks.adapt(name, value)
    assert str(refused.value) == message


def test_a_hook_may_be_a_dotted_name() -> None:
    assert hooks.adapt("on_exit", "logging.getLogger") is logging.getLogger
    assert hooks.adapt("on_exit", "logging:getLogger") is logging.getLogger


def test_a_worker_shows_its_pid_as_hooks_print_it() -> None:
    worker = hooks.Worker(age=1, ppid=2, cfg=None, log=logging.getLogger(), pid=3)
    assert str(worker) == "<Worker 3>"
    assert {worker: 1}[worker] == 1, "hooks keep workers in dictionaries"
