"""A memory control group of its own for a daemon and its readers."""

import contextlib
import os
import pathlib

from support import mounts


def own_memory_cgroup():
    """The directory of this process's memory control group, v1 or v2; None if there is none."""
    for line in pathlib.Path("/proc/self/cgroup").read_text("ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return pathlib.Path("/sys/fs/cgroup/memory" + path)
        if controllers == "" and pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
            return pathlib.Path("/sys/fs/cgroup" + path)
    return None


@contextlib.contextmanager
def memory_limit(limit_bytes):
    """A control group of so much memory.  Yields a function that moves a process into it, and whether
    there is such a group.  Waits at the end until all that it holds are gone."""
    parent = own_memory_cgroup()
    group = parent and parent / f"betonfs-test-{os.getpid()}"
    try:
        group.mkdir()
        knob = "memory.limit_in_bytes" if "/memory/" in str(group) else "memory.max"
        (group / knob).write_text(str(limit_bytes))
    except (AttributeError, OSError):
        yield lambda pid: None, False
        return
    try:
        yield lambda pid: (group / "cgroup.procs").write_text(str(pid)), True
    finally:
        mounts.wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group is empty")
        group.rmdir()
