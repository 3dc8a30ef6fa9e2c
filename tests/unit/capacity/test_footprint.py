"""The figures of a footprint, and their JSON."""

from __future__ import annotations

import json

import pytest

from tonnage.capacity.footprint import Footprint, Link, Weight, from_object

MIB = 1 << 20
PLAIN = Weight(False, 3, 9 * MIB, 40 * MIB, 31 * MIB, 0.8)
SHARED = Weight(True, 3, 50 * MIB, 12 * MIB, 9 * MIB, 0.9)


def measured(preloaded: Weight | None = SHARED) -> Footprint:
    links = (Link("127.0.0.1:5432", 1),)
    return Footprint(
        "site:app", "sync", 1, ("/", "/search"), 400, PLAIN, preloaded, 1024.5, 0.004, 0.02, 0.8, 2, 14, links,
        0.031, 0.4, ("x",),
    )  # fmt: skip


@pytest.mark.parametrize("preloaded", [SHARED, None])
def test_json_and_back_is_the_same(preloaded: Weight | None) -> None:
    footprint = measured(preloaded)
    assert from_object(json.loads(json.dumps(footprint.as_object()))) == footprint


def test_what_a_newer_version_says_besides_is_left_out() -> None:
    found = measured().as_object() | {"moons": 3}
    assert from_object(found) == measured()


def test_what_an_older_version_did_not_say_is_taken_as_exponential() -> None:
    found = measured().as_object()
    del found["service_p95_s"], found["service_variation"]
    older = from_object(found)
    assert (older.service_p95_s, older.service_variation) == (None, 1.0)


@pytest.mark.parametrize("name", ["app", "plain", "links", "waiting_share"])
def test_what_is_missing_is_named(name: str) -> None:
    found = measured().as_object()
    del found[name]
    with pytest.raises(ValueError, match="missing"):
        from_object(found)


def test_the_weight_that_was_asked_for_or_the_only_one() -> None:
    assert measured().weight(preload=True) is SHARED
    assert measured().weight(preload=False) is PLAIN
    assert measured(None).weight(preload=True) is PLAIN
