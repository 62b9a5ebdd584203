"""What a mount does when its file changes, its disk fails, or its daemon is killed."""

import contextlib
import errno
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from support import mounts
from support.daemon import Corpus, Daemon, daemon, forget_pages, has_zombie_child
from support.memory_group import memory_limit
from support.readers import Readers

FAULTY_FS = pathlib.Path(os.environ["BETONFS_BUILD"]) / "bin" / "faulty_fs"


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


# ---- The file changes underneath.


def test_a_file_cut_short_gives_eio_and_the_daemon_lives(corpus):
    with daemon(corpus.file) as mount:
        with Readers(corpus, mount.point, {errno.EIO}) as readers:
            os.truncate(corpus.file, len(corpus.bytes) // 2)
            forget_pages(mount.point, corpus.contents)
            mounts.wait_until(lambda: readers.num_failures > 20, "readers meet the cut")
        assert mount.is_alive()
        lost = {path for path in corpus.contents
                if corpus.offset_of(path) >= len(corpus.bytes) // 2}

        def every_lost_file_fails():
            forget_pages(mount.point, lost)  # but not those that are in use just then
            return lost <= set(corpus.compare(mount.point, may_fail=lambda path: True))

        mounts.wait_until(every_lost_file_fails, "what was cut off is EIO")
        mounts.wait_until(lambda: "truncated" in mount.log(), "the log names the change")
        assert mount.log().count("mounted file truncated") == 1
        assert mount.stop() == 0
    assert not mounts.is_mounted(mount.point)


def test_a_file_cut_to_nothing_is_survived_while_directories_are_listed(corpus):
    with daemon(corpus.file) as mount:
        os.truncate(corpus.file, 0)
        for _ in range(3):
            for directory, _, names in os.walk(mount.point, onerror=lambda error: None):
                for name in names:
                    with contextlib.suppress(OSError):
                        (pathlib.Path(directory) / name).read_bytes()
            with pytest.raises(OSError) as missing:
                os.stat(mount.point / "a" / "no such name")
            assert missing.value.errno in (errno.EIO, errno.ENOENT)
        assert mount.is_alive()
        assert mount.stop() == 0


def test_a_file_that_grows_back_is_served_again(corpus):
    with daemon(corpus.file) as mount:
        assert corpus.compare(mount.point) == []
        os.truncate(corpus.file, 4096)
        forget_pages(mount.point, corpus.contents)
        assert corpus.compare(mount.point, may_fail=lambda path: True)
        with open(corpus.file, "r+b") as file:
            file.write(corpus.bytes)
        forget_pages(mount.point, corpus.contents)
        assert corpus.compare(mount.point) == []


def test_an_overwritten_file_is_noticed(corpus):
    with daemon(corpus.file) as mount:
        with open(corpus.file, "r+b") as file:
            file.seek(corpus.offset_of("a/00000.bin"))
            file.write(b"!")
        os.utime(corpus.file)  # whatever the clock's granularity
        mounts.wait_until(lambda: "mounted file modified" in mount.log(), "the log says so")
        assert mount.stop() == 0


def test_a_new_dataset_renamed_over_the_mounted_one_disturbs_nothing(corpus, tmp_path):
    other = Corpus(tmp_path, num_files=10, seed=2, name="other")
    with daemon(corpus.file) as mount:
        with Readers(corpus, mount.point, set()) as readers:
            os.rename(other.file, corpus.file)
            forget_pages(mount.point, corpus.contents)
            before = readers.num_good
            mounts.wait_until(lambda: readers.num_good > before + 500, "readers go on")
        assert corpus.compare(mount.point) == []
        mounts.wait_until(lambda: "mounted file replaced" in mount.log(), "the log says so")
    with daemon(corpus.file) as mount:
        assert other.compare(mount.point) == []


def test_a_removed_dataset_is_served_on(corpus):
    with daemon(corpus.file) as mount:
        os.remove(corpus.file)
        forget_pages(mount.point, corpus.contents)
        assert corpus.compare(mount.point) == []
        mounts.wait_until(lambda: "mounted file removed" in mount.log(), "the log says so")


# ---- The disk fails.


class FaultyDisk:
    """The .beton of a corpus on a file system that gives EIO where it is told to."""

    def __init__(self, corpus, directory):
        self.ranges = pathlib.Path(directory) / "ranges"
        self.ranges.write_text("")
        self.point = pathlib.Path(directory) / "disk"
        self.point.mkdir()
        self.file = self.point / "data"
        self.process = subprocess.Popen([FAULTY_FS, corpus.file, self.ranges, self.point])
        mounts.wait_until(lambda: mounts.is_mounted(self.point), "the disk is there")

    def fail(self, *ranges):
        """Each is (offset, size)."""
        self.ranges.write_text("".join(f"{offset} {size}\n" for offset, size in ranges))

    def forget(self):
        """What the kernel has cached of the file is gone, as far as nobody has it mapped."""
        fd = os.open(self.file, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


@pytest.fixture
def disk(corpus, tmp_path):
    held = FaultyDisk(corpus, tmp_path)
    yield held
    mounts.run("umount", "-l", held.point)
    held.process.wait(timeout=300)


def test_a_bad_sector_costs_the_samples_on_it_and_no_other(corpus, disk):
    victim = "b/00100.bin"
    start = corpus.offset_of(victim)
    bad = (start // 4096 * 4096, 4096)
    disk.fail(bad)

    def touches_bad(path):
        offset = corpus.offset_of(path)
        end = offset + len(corpus.contents[path])
        return offset < bad[0] + bad[1] and bad[0] < end

    with daemon(disk.file) as mount:
        failed = corpus.compare(mount.point, may_fail=touches_bad)
        assert victim in failed
        assert mount.is_alive()
        disk.fail()  # the sector reads again
        assert corpus.compare(mount.point) == []


@pytest.mark.skipif(
    "push=" not in mounts.betonfs("mount", "--help").stdout, reason="this build does not push"
)
def test_bad_sectors_are_survived_while_pages_are_pushed(corpus, disk):
    start = corpus.offset_of("b/00100.bin") // 4096 * 4096
    disk.fail((start, 4096), (start + 200_000, 8192))
    with daemon(disk.file, options="push=page") as mount:
        failed = corpus.compare(mount.point, may_fail=lambda path: True)
        assert 0 < len(failed) < 20, failed
        assert mount.is_alive()
        assert mount.stop() == 0


def test_bad_sectors_under_the_structures_are_errors_and_not_the_end(corpus, disk):
    with daemon(disk.file) as mount:
        # Rows lie in front of the pages, names and table behind them: nothing of those can be read.
        first = min(corpus.offset_of(path) for path in corpus.contents)
        last = max(corpus.offset_of(path) + len(corpus.contents[path]) for path in corpus.contents)
        disk.fail((0, first // 4096 * 4096), (last // 4096 * 4096, 1 << 30))
        disk.forget()
        for path in corpus.contents:
            with contextlib.suppress(OSError):
                (mount.point / path).read_bytes()
        assert mount.is_alive()
        disk.fail()
        disk.forget()
        assert corpus.compare(mount.point) == []
        assert mount.stop() == 0


def test_a_disk_that_fails_at_once_is_an_error_of_one_line(corpus, disk):
    disk.fail((0, 1 << 30))
    point = disk.point.parent / "mnt"
    point.mkdir()
    for command in (["mount", disk.file, point], ["info", disk.file], ["check", disk.file],
                    ["ls", disk.file], ["unpack", disk.file, disk.point.parent / "out"]):
        done = mounts.betonfs(*command, check=False)
        assert done.returncode > 0, (command, done)
        assert len(done.stderr.strip().splitlines()) == 1, (command, done.stderr)
    assert not mounts.is_mounted(point)


@pytest.mark.parametrize("command", ["check", "unpack", "ls", "info"])
def test_tools_survive_bad_sectors_anywhere(corpus, disk, tmp_path, command):
    size = len(corpus.bytes)
    for turn, offset in enumerate(range(0, size, max(4096, size // 8 // 4096 * 4096))):
        disk.fail((offset // 4096 * 4096, 4096))
        disk.forget()
        arguments = [tmp_path / f"out{turn}"] if command == "unpack" else []
        done = mounts.betonfs(command, disk.file, *arguments, check=False)
        assert done.returncode >= 0, f"killed by signal {-done.returncode} at {offset}"
        hit = [path for path in corpus.contents
               if corpus.offset_of(path) < offset + 4096
               and offset < corpus.offset_of(path) + len(corpus.contents[path])]
        if command == "check" or (command == "unpack" and hit):
            assert done.returncode != 0, f"{command} found nothing wrong at {offset}"


# ---- Contents are verified.


def test_verify_read_serves_no_wrong_byte(corpus):
    with open(corpus.file, "r+b") as file:
        file.seek(corpus.offset_of("a/00003.bin"))
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    with daemon(corpus.file, options="verify=read") as mount:
        assert corpus.compare(mount.point, lambda path: path == "a/00003.bin") == ["a/00003.bin"]
        with pytest.raises(OSError):  # and not the second time
            (mount.point / "a/00003.bin").read_bytes()


def test_verify_open_refuses_a_damaged_name(corpus, tmp_path):
    offset = corpus.bytes.rindex(b"00042.bin")
    with open(corpus.file, "r+b") as file:
        file.seek(offset)
        file.write(b"x")
    point = tmp_path / "mnt"
    point.mkdir()
    done = mounts.betonfs("mount", "-o", "verify=open", corpus.file, point, check=False)
    assert done.returncode == 3, done
    assert len(done.stderr.strip().splitlines()) == 1
    assert not mounts.is_mounted(point)


# ---- The daemon is killed.


def test_kill_9_is_an_error_for_readers_and_the_next_mount_clears_it_away(corpus):
    with daemon(corpus.file) as mount:
        helpers = mount.children()
        with Readers(corpus, mount.point, {errno.ENOTCONN, errno.ECONNABORTED}) as readers:
            assert mount.stop(signal.SIGKILL) == -signal.SIGKILL
            mounts.wait_until(lambda: readers.num_failures > 20, "readers meet the dead mount")
        assert mounts.is_mounted(mount.point)
        with daemon(corpus.file, point=mount.point) as again:
            assert corpus.compare(again.point) == []
            assert again.stop() == 0
        assert not mounts.is_mounted(mount.point)
        mounts.wait_until(
            lambda: all(mounts.is_gone(pid) for pid in helpers),
            "the helper of the killed daemon ends",
        )


# Takes memory until the kernel kills; of two in a group the one that scores more goes first.
HOG = "import sys; sys.stdin.readline(); hoard = [b'x' * 2**20 + bytes([i % 256]) for i in range(9999)]"


def test_the_out_of_memory_killer_is_an_error_for_readers(corpus):
    with memory_limit(64 << 20) as (enter, limited), daemon(corpus.file) as mount:
        if not limited:
            pytest.skip("no memory control group can be made here")
        enter(mount.pid)
        pathlib.Path(f"/proc/{mount.pid}/oom_score_adj").write_text("1000", "ascii")
        with Readers(corpus, mount.point, {errno.ENOTCONN, errno.ECONNABORTED}) as readers:
            with subprocess.Popen([sys.executable, "-c", HOG], stdin=subprocess.PIPE) as hog:
                enter(hog.pid)
                hog.stdin.close()
                assert hog.wait(timeout=120) == -signal.SIGKILL
            assert mount.process.wait(timeout=300) == -signal.SIGKILL
            forget_pages(mount.point, corpus.contents)  # what is cached is served on
            mounts.wait_until(lambda: readers.num_failures > 20, "readers meet the dead mount")
        mounts.betonfs("umount", mount.point)
        assert not mounts.is_mounted(mount.point)


def test_umount_clears_a_dead_mount_away(corpus):
    with daemon(corpus.file) as mount:
        mount.stop(signal.SIGKILL)
        mounts.betonfs("umount", mount.point)
        assert not mounts.is_mounted(mount.point)


def test_a_lazy_unmount_lets_open_files_be_read_to_their_end(corpus):
    path, expected = max(corpus.contents.items(), key=lambda item: len(item[1]))
    with daemon(corpus.file) as mount:
        with open(mount.point / path, "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            mounts.run("umount", "-l", mount.point)
            assert not mounts.is_mounted(mount.point)
            assert file.read() == expected
        assert mount.process.wait(timeout=300) == 0


def test_two_mounts_of_one_file_know_nothing_of_each_other(corpus):
    with daemon(corpus.file) as first, daemon(corpus.file) as second:
        assert corpus.compare(first.point) == []
        assert first.stop() == 0
        forget_pages(second.point, corpus.contents)
        assert corpus.compare(second.point) == []


def test_sigterm_to_all_at_once_unmounts(corpus):
    with daemon(corpus.file) as mount:
        children = mount.children()
        for pid in [*children, mount.pid]:
            os.kill(pid, signal.SIGTERM)
        assert mount.process.wait(timeout=300) == 0
        assert not mounts.is_mounted(mount.point)
        assert not any(os.path.exists(f"/proc/{pid}") for pid in children)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts_under_readers(corpus, how):
    gone = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT, errno.EIO}
    with daemon(corpus.file) as mount:
        with Readers(corpus, mount.point, gone):
            assert mount.stop(how) == 0
        assert not mounts.is_mounted(mount.point)


def test_a_hundred_mounts_in_a_row_under_readers(corpus, tmp_path):
    point = tmp_path / "mnt"
    point.mkdir()
    gone = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT, errno.EIO}
    held = Daemon([corpus.file], point).wait_until_mounted()
    try:
        with Readers(corpus, point, gone) as readers:
            for _ in range(20 if os.environ.get("BETONFS_SANITIZE") else 100):
                assert held.stop() == 0, held.log()
                before = readers.num_good
                held = Daemon([corpus.file], point).wait_until_mounted()
                mounts.wait_until(lambda: readers.num_good > before, "readers find the new mount")
        assert held.stop() == 0
    finally:
        held.process.kill()
        held.process.wait()
        while mounts.is_mounted(point):
            mounts.run("umount", "-l", point)
    assert not has_zombie_child()
