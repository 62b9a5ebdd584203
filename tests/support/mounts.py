"""What the Python tests share: running the program, and mounts that always come down again."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

BETONFS = os.environ["BETONFS"]
SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(
    os.environ.get("BETONFS_FIXTURES", SOURCE_DIR.parent / "shared" / "ffcv-fixtures")
)


def run(*arguments, check=True, **options):
    """Runs a program; its output comes back as text.  Fails the test with that output if `check`."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, **options
    )
    if check:
        said = f"{done.args} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
    return done


def betonfs(*arguments, check=True, **options):
    return run(BETONFS, *arguments, check=check, **options)


def is_mounted(path):
    """Whether something is mounted at `path`, alive or dead."""
    want = os.path.realpath(os.path.dirname(path)) + "/" + os.path.basename(str(path))
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        points = [line.split()[1] for line in mounts]
    return any(point.encode().decode("unicode_escape") == want for point in points)


def is_gone(pid):
    """Whether a process has ended, and all its threads; nobody may have asked how yet."""

    def has_ended(task):
        try:
            return (task / "stat").read_text("ascii", "replace").rsplit(")", 1)[1].split()[0] in "ZX"
        except OSError:
            return True

    try:
        return all(has_ended(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return True


def wait_until(condition, what, limit_s=300):
    """Waits for `condition()` to be true; fails the test if it is not within `limit_s`."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"after {limit_s} s still not: {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def mounted(*files, options=None, arguments=()):
    """Mounts .beton files and yields the mountpoint as a Path.  Whatever happens in the block, the
    mount is gone afterwards; that `betonfs umount` did it is part of the test."""
    with tempfile.TemporaryDirectory(prefix="betonfs-mnt-") as directory:
        point = pathlib.Path(directory) / "mnt"
        point.mkdir()
        option_arguments = ("-o", options) if options else ()
        betonfs("mount", *arguments, *files, point, *option_arguments)
        try:
            yield point
            betonfs("umount", point)
            assert not is_mounted(point)
        finally:
            if is_mounted(point):
                run("fusermount3", "-uz", point, check=False)
            if is_mounted(point):
                run("umount", "-l", point, check=False)
