"""Become another user, for good.

Supplementary groups follow the user: root's are given up even without `initgroups` (Gunicorn keeps them, so its workers
stay in group 0). Raises PrivilegeError; a worker that cannot drop what it should must not serve.
"""

from __future__ import annotations

import grp
import os
import pwd

from tonnage.errors import ConfigError


class PrivilegeError(ConfigError):
    """The text names the setting and what is missing."""


def user_id(user: str | int) -> int:
    if isinstance(user, int) or user.isdecimal():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise PrivilegeError(f"user = {user!r}: there is no such user on this machine") from None


def group_id(group: str | int) -> int:
    if isinstance(group, int) or group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise PrivilegeError(f"group = {group!r}: there is no such group on this machine") from None


def drop(user: str | int | None, group: str | int | None, *, initgroups: bool = False) -> None:
    """Take on user and group; None leaves what is. Does nothing where nothing would change."""
    uid = os.geteuid() if user is None else user_id(user)
    gid = os.getegid() if group is None else group_id(group)
    try:
        if uid != os.geteuid() or gid != os.getegid() or initgroups:
            _become(uid, gid, initgroups=initgroups)
    except PermissionError as exc:
        raise PrivilegeError(
            f"cannot become uid {uid}, gid {gid} as uid {os.geteuid()}: only root may. "
            "Start as root, or leave out --user, --group and --initgroups."
        ) from exc


def _become(uid: int, gid: int, *, initgroups: bool) -> None:
    if os.geteuid() == 0 or initgroups:
        os.setgroups(_groups(uid, gid) if initgroups else [gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)  # real, effective and saved: there is no way back


def _groups(uid: int, gid: int) -> list[int]:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise PrivilegeError(f"initgroups: uid {uid} has no name, so its groups cannot be looked up") from None
    return os.getgrouplist(name, gid)
