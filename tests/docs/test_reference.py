"""The tables of the reference list what there is: nothing is missing, nothing is invented."""

import dataclasses
import re
import signal

import tonnage.errors
from tests.docs.pages import page, rows
from tonnage import hooks
from tonnage.cli import orderly
from tonnage.control.metrics import METRICS
from tonnage.observe.atoms import ATOMS
from tonnage.observe.json_line import MEMBERS
from tonnage.observe.pattern import compile_format
from tonnage.supervisor import loop
from tonnage.supervisor.tally import REASONS
from tonnage.workers import lifecycle


def listed(name: str, heading: str = "") -> dict[str, list[str]]:
    """Each name in the first column of the page's tables -> the rest of its line."""
    text = page(name).section(heading) if heading else page(name).text
    return {span: rest for first, *rest in rows(text) for span in re.findall(r"`([^`]+)`", first)}


def short(numbers: set[int]) -> set[str]:
    return {signal.Signals(number).name.removeprefix("SIG") for number in numbers}


def test_every_signal_the_supervisor_hears_is_described() -> None:
    assert short({*loop.SIGNALS}) <= listed("docs/reference/signals.md", "Sent to the supervisor").keys()


def test_every_signal_a_worker_hears_is_described() -> None:
    assert short({*lifecycle.SIGNALS}) <= listed("docs/reference/signals.md", "Sent to a worker").keys()


def test_every_exit_code_is_described() -> None:
    kinds = [each for each in vars(tonnage.errors).values() if isinstance(each, type)]
    codes = (
        {0, 130, loop.EXIT_BUG}
        | {128 + number for number in orderly.SIGNALS}
        | {each.exit_code for each in kinds if issubclass(each, tonnage.errors.TonnageError)}
    )
    first = {row[0] for row in rows(page("docs/reference/exit-codes.md").text)}
    assert first == {str(code) for code in codes}


def test_every_metric_is_described_by_its_own_words_and_so_is_every_reason() -> None:
    described = listed("docs/reference/metrics.md", "Metrics")
    assert described == {metric.name: [metric.kind, metric.meaning] for metric in METRICS}
    reasons = listed("docs/reference/metrics.md", "What exactly is measured")
    assert {reason: [meaning] for reason, meaning in REASONS.items()}.items() <= reasons.items()


def test_every_atom_is_described_and_every_one_described_can_be_written() -> None:
    described = listed("docs/reference/access-log.md", "Atoms").keys()
    assert {f"%({name})s" for name in ATOMS} <= described
    for atom in described:
        compile_format(atom)


def test_the_default_access_format_is_the_one_that_is_shown() -> None:
    from tonnage.config.model import Config

    assert f"`{Config().access_log_format}`" in page("docs/reference/access-log.md").text


def test_the_members_of_an_access_line_in_json_are_described() -> None:
    assert listed("docs/reference/access-log.md", "JSON").keys() == MEMBERS.keys()


def test_every_hook_is_described_with_its_arguments() -> None:
    text = page("docs/reference/hooks.md")
    assert {name for name in hooks.PARAMETERS if f"`{name}`" not in text.text} == set()
    for name, rest in listed("docs/reference/hooks.md").items():
        if name in hooks.PARAMETERS:
            wanted = [parameter.removesuffix("_value") for parameter in hooks.PARAMETERS[name]]
            assert rest[0].split(", ") == wanted, name


def test_every_attribute_that_a_hook_finds_is_described() -> None:
    table = listed("docs/reference/hooks.md", "What they are handed")
    for kind, name in ((hooks.Server, "server"), (hooks.Worker, "worker")):
        described = set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", table[name][0])))
        assert described == {field.name for field in dataclasses.fields(kind)}
