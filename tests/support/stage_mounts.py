"""Staging mounts that always come down again, and how to compare what is in them."""

import contextlib
import hashlib
import os
import pathlib
import signal
import stat
import tempfile

from support.mounts import betonfs, is_gone, is_mounted, run, wait_until


class Staging:
    """One work area, mounted or not.  `point` is the mountpoint, `beton` the dataset to be."""

    def __init__(self, directory, options=None):
        self.directory = pathlib.Path(directory)
        self.beton = self.directory / "out.beton"
        self.point = self.directory / "staged"
        self.point.mkdir()
        self.options = options

    def mount(self):
        more = ("-o", self.options) if self.options else ()
        return betonfs("stage", self.beton, self.point, *more)

    def unmount(self):
        betonfs("umount", self.point)
        assert not is_mounted(self.point)

    def pid(self):
        return int((self.point / ".betonfs" / "pid").read_text())

    def kill(self):
        """The daemon dies as it stands.  The dead mount stays, so that nobody writes into the directory
        below it; mount() clears it away."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_gone(pid), f"daemon {pid} is gone")

    def clear(self):
        """No mount and no daemon is left, whatever state they were in."""
        try:
            pid = self.pid()
        except OSError:
            pid = None
        if is_mounted(self.point):
            run("fusermount3", "-uz", self.point, check=False)
        if is_mounted(self.point):
            run("umount", "-l", self.point, check=False)
        if pid:
            wait_until(lambda: is_gone(pid), f"daemon {pid} has ended")

    def commit(self, *arguments, check=True):
        """Exit status 8 means that names were left out, and which is in the report."""
        done = betonfs("commit", self.point, *arguments, check=False)
        if check:
            assert done.returncode in (0, 8), done.stderr
        return done


@contextlib.contextmanager
def staged(options=None):
    """A staging mount in a fresh directory; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="betonfs-stage-") as directory:
        staging = Staging(directory, options)
        staging.mount()
        try:
            yield staging
        finally:
            staging.clear()


def describe(root, times=True):
    """Path -> what matters of every entry below `root`: kind, permissions, size, time, contents."""
    entries = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            entry = [stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode)]
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    entry += [info.st_size, info.st_nlink, hashlib.sha256(file.read()).hexdigest()]
            if stat.S_ISLNK(info.st_mode):
                entry.append(os.readlink(path))
            elif times:
                entry.append(info.st_mtime_ns)
            entries[os.path.relpath(path, root)] = entry
    return entries


def contents(root):
    """Path -> SHA-256 of every regular file, what symlinks lead to included."""
    found = {}
    for directory, _, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = hashlib.sha256(file.read()).hexdigest()
    return found
