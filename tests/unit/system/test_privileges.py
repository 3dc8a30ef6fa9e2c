"""What needs root runs in a child; what does not needs no root."""

import os
import pwd

import pytest

from tests.unit.system.test_signals import in_child
from tonnage.system.privileges import PrivilegeError, drop, group_id, user_id

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def test_names_and_numbers_are_understood() -> None:
    assert user_id("root") == user_id("0") == user_id(0) == 0
    assert group_id("root") == group_id("0") == group_id(0) == 0


def test_a_name_nobody_has_is_refused() -> None:
    with pytest.raises(PrivilegeError, match="there is no such user"):
        user_id("nobody-at-all")
    with pytest.raises(PrivilegeError, match="there is no such group"):
        group_id("nobody-at-all")


def test_nothing_asked_changes_nothing() -> None:
    before = os.getresuid(), os.getresgid(), os.getgroups()
    drop(None, None)
    drop(os.geteuid(), os.getegid())
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


@root_only
def test_there_is_no_way_back() -> None:
    def act() -> None:
        drop("nobody", NOBODY)
        assert os.getresuid() == (NOBODY,) * 3
        assert os.getresgid() == (NOBODY,) * 3
        assert os.getgroups() == [NOBODY]
        with pytest.raises(PermissionError):
            os.setuid(0)
        with pytest.raises(PrivilegeError, match="only root may"):
            drop("root", None)

    assert in_child(act) == 0


@root_only
def test_a_user_alone_still_gives_up_the_groups_of_root() -> None:
    def act() -> None:
        os.setgroups([0, 4, 27])
        drop(NOBODY, None)
        assert os.getgroups() == [0]

    assert in_child(act) == 0


@root_only
def test_initgroups_takes_the_groups_of_the_user() -> None:
    def act() -> None:
        drop("nobody", NOBODY, initgroups=True)
        assert os.getgroups() == sorted(os.getgrouplist(pwd.getpwuid(NOBODY).pw_name, NOBODY))

    assert in_child(act) == 0


@root_only
def test_initgroups_needs_a_user_with_a_name() -> None:
    def act() -> None:
        with pytest.raises(PrivilegeError, match="has no name"):
            drop(54321, None, initgroups=True)

    assert in_child(act) == 0
