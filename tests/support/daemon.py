"""Mounts whose daemon the test holds in its hand: to kill it, to count what it uses, to read its log."""

import contextlib
import errno
import os
import pathlib
import random
import signal
import subprocess
import tempfile

from support import mounts


class Daemon:
    """`betonfs mount -f` of some files on a mountpoint.  The log is a file of its own."""

    def __init__(self, files, point, options=None, wrapper=(), **popen):
        self.point = pathlib.Path(point)
        self.log_path = self.point.parent / (self.point.name + ".log")
        self.log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        command = [*wrapper, mounts.BETONFS, "mount", "-f", *files, point]
        if options:
            command += ["-o", options]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **popen,
            )

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """What this daemon has logged, and not another on the same mountpoint before it."""
        return self.log_path.read_bytes()[self.log_start :].decode("utf-8", errors="replace")

    def wait_until_mounted(self):
        def says_so():
            assert self.is_alive(), self.log()
            return "info mounted file=" in self.log()

        mounts.wait_until(says_so, f"mounted on {self.point}")
        return self

    def stop(self, how=signal.SIGTERM):
        """Signals the daemon and waits for its end; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=300)

    def is_alive(self):
        return self.process.poll() is None

    def status(self, key):
        """A line of /proc/PID/status, without its key."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            for line in lines:
                if line.startswith(key + ":"):
                    return line.split(":", 1)[1].strip()
        raise KeyError(key)

    def rss_anon_kib(self):
        return int(self.status("RssAnon").split()[0])

    def num_threads(self):
        return int(self.status("Threads"))

    def num_descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def children(self):
        text = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii")
        return [int(pid) for pid in text.split()]


@contextlib.contextmanager
def daemon(*files, options=None, point=None, **arguments):
    """A Daemon that is mounted; whatever happens in the block, process and mount are gone after it."""
    with tempfile.TemporaryDirectory(prefix="betonfs-mnt-") as directory:
        if point is None:
            point = pathlib.Path(directory) / "mnt"
            point.mkdir()
        held = Daemon(files, point, options, **arguments)
        try:
            yield held.wait_until_mounted()
        finally:
            if held.is_alive():
                held.process.terminate()
                try:
                    held.process.wait(timeout=300)
                except subprocess.TimeoutExpired:
                    held.process.kill()
                    held.process.wait()
            while mounts.is_mounted(point):
                mounts.run("umount", "-l", point)


class Corpus:
    """A folder of files with made-up contents, packed into a .beton, and the contents to compare."""

    def __init__(self, directory, num_files=300, seed=1, largest=60_000, name="data"):
        chance = random.Random(seed)
        self.contents = {
            f"{'abc'[i % 3]}/{i:05d}.bin": chance.randbytes(chance.randrange(1, largest))
            for i in range(num_files)
        }
        source = pathlib.Path(directory) / f"{name}.source"
        for path, data in self.contents.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(data)
        self.file = pathlib.Path(directory) / f"{name}.beton"
        mounts.betonfs("pack", "--as", "bytes", source, self.file)
        self.bytes = self.file.read_bytes()

    def offset_of(self, path):
        """Where the contents of one file lie in the .beton."""
        return self.bytes.index(self.contents[path])

    def compare(self, point, may_fail=lambda path: False):
        """Reads every file.  Each must have its bytes, or be EIO if it may fail.  Returns the paths
        that were EIO."""
        failed = []
        for path, expected in self.contents.items():
            try:
                got = (pathlib.Path(point) / path).read_bytes()
            except OSError as error:
                assert error.errno == errno.EIO, error
                assert may_fail(path), f"{path} should have been served"
                failed.append(path)
                continue
            assert got == expected, f"{path}: wrong bytes"
        return failed


def forget_pages(point, paths):
    """Takes the files out of the kernel's page cache, so that the next read asks the daemon."""
    for path in paths:
        with contextlib.suppress(OSError), open(pathlib.Path(point) / path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def has_zombie_child():
    """Whether this process has a child that ended and that nobody has waited for."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
