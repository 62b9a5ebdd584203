"""What `commit` makes of a staged tree, on every file system and in every way it can be asked."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import numpy
import pytest

from support import numpy_reader
from support.mounts import betonfs, is_gone, is_mounted, run, wait_until
from support.stage_mounts import Staging, staged


def fill(root, seed=1, count=200):
    """A tree in which the order of paths is not the order of names: "a.x" sorts before "a/"."""
    rng = random.Random(seed)
    for directory in ("a", "a/b", "a.d", "c"):
        (root / directory).mkdir()
    for number in range(count):
        directory = rng.choice(["a", "a/b", "a.d", "c"])
        size = rng.choice([0, 1, 5000, 12_000, 12_000, 100_000])
        (root / directory / f"{number}.bin").write_bytes(rng.randbytes(size))


def read_independently(beton, root):
    """The file keeps FFCV's rules and has what is in the folder, says a reader that shares no code."""
    data = numpy_reader.Beton(beton)
    data.assert_ffcv_rules()
    index = numpy_reader.Index(data)
    root = os.fsencode(root)
    expected = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                expected[os.path.relpath(path, root)] = file.read()
    assert dict(zip(index.paths(), data.payloads("data"))) == expected
    return data, index


def test_an_independent_reader_finds_what_was_copied():
    with staged() as staging:
        fill(staging.point)
        staging.commit("--as", "bytes")
        data, index = read_independently(staging.beton, staging.point)
        # Labels are the place of the top-level directory among all of them.
        classes = sorted({path.split(b"/")[0] for path in index.paths()})
        labels = [classes.index(path.split(b"/")[0]) for path in index.paths()]
        assert numpy.array_equal(data.column("label"), labels)


@pytest.mark.parametrize("how", ["--no-compact", "--compact", "--shuffle=3"])
def test_an_independent_reader_finds_what_was_changed(how):
    with staged() as staging:
        fill(staging.point)
        staging.commit("--as", "bytes")
        for number, path in enumerate(sorted(staging.point.rglob("*.bin"))):
            if number % 3 == 0:
                path.unlink()
            elif number % 3 == 1:
                path.write_bytes(b"changed" * number)
        (staging.point / "new").mkdir()
        (staging.point / "new" / "large.bin").write_bytes(random.Random(2).randbytes(3_000_000))
        report = json.loads(staging.commit("--as", "bytes", how, "--json").stdout)
        assert report["rewritten"] == (how != "--no-compact")
        read_independently(staging.beton, staging.point)
        betonfs("check", "--ffcv", staging.beton)


@pytest.mark.parametrize("options", [["--shuffle", "7"], ["--shuffle", "8"], []])
def test_commit_lays_samples_out_as_pack_does(options, tmp_path):
    with staged() as staging:
        fill(staging.point)
        staging.commit("--as", "bytes", *(options or ["--compact"]))
        betonfs("pack", "--as", "bytes", *options, staging.point, tmp_path / "packed.beton")
        assert staging.beton.read_bytes() == (tmp_path / "packed.beton").read_bytes()


# ---- Carrying over what was there before.


@contextlib.contextmanager
def file_system(kind, *mkfs_options, size_bytes=400 << 20):
    """A fresh file system in a file; skips with the reason where it cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    with tempfile.TemporaryDirectory(prefix="betonfs-disk-") as directory:
        image, point = pathlib.Path(directory) / "image", pathlib.Path(directory) / "disk"
        with open(image, "wb") as file:
            file.truncate(size_bytes)
        point.mkdir()
        run(f"mkfs.{kind}", "-q", *mkfs_options, image)
        done = run("mount", "-o", "loop", image, point, check=False)
        if done.returncode != 0:
            pytest.skip(f"no {kind} on a loop device here: {done.stderr.strip()}")
        try:
            yield point
        finally:
            run("umount", point, check=False)
            if is_mounted(point):
                run("umount", "-l", point, check=False)


def used_bytes(point):
    """Once delayed allocation is done."""
    run("sync", "-f", point)
    info = os.statvfs(point)
    return (info.f_blocks - info.f_bfree) * info.f_frsize


def change_one_file_of_many(disk):
    """Commits 60 MB, then a small change to it; returns the second report and what it took."""
    staging = Staging(disk)
    staging.mount()
    try:
        rng = random.Random(4)
        (staging.point / "d").mkdir()
        for number in range(600):
            (staging.point / "d" / f"{number}").write_bytes(rng.randbytes(100_000))
        staging.commit("--as", "bytes")
        before = used_bytes(disk)
        (staging.point / "d" / "new").write_bytes(b"small")
        report = json.loads(staging.commit("--as", "bytes", "--json").stdout)
        most = used_bytes(disk)
        read_independently(staging.beton, staging.point)
        staging.unmount()
        return report, most - before
    finally:
        staging.clear()


def test_pages_are_carried_over_by_reflink_where_there_is_one():
    with file_system("xfs", "-m", "reflink=1") as disk:
        report, _ = change_one_file_of_many(disk)
        assert report["carried_by"] == "reflink"
        assert report["carried_bytes"] == 60_000_000


def test_pages_are_carried_over_by_copying_where_there_is_none():
    with file_system("ext4") as disk:
        report, _ = change_one_file_of_many(disk)
        assert report["carried_by"] == "copy"
        assert report["carried_bytes"] == 60_000_000


def test_reflinked_pages_take_no_room_while_both_datasets_exist():
    """A disk that could not hold the bytes twice."""
    with file_system("xfs", "-m", "reflink=1", size_bytes=320 << 20) as disk:
        staging = Staging(disk)
        staging.mount()
        try:
            for number in range(14):
                data = random.Random(number).randbytes(10_000_000)
                (staging.point / f"{number}").write_bytes(data)
            staging.commit("--as", "bytes")
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            assert free < 140_000_000, "the disk is too large for this test to mean anything"
            (staging.point / "one more").write_bytes(b"small")
            report = json.loads(staging.commit("--as", "bytes", "--json").stdout)
            assert report["carried_by"] == "reflink"
            betonfs("check", staging.beton)
        finally:
            staging.clear()


# ---- At unmount.


def test_umount_waits_for_the_commit_and_prints_its_report():
    with staged("commit_on_unmount") as staging:
        fill(staging.point)
        (staging.point / ".DS_Store").write_text("junk")
        pid = staging.pid()
        done = betonfs("umount", staging.point, check=False)
        assert done.returncode == 8, done.stderr  # something was left out
        assert is_gone(pid)
        assert "samples: 200" in done.stdout and ".DS_Store (junk name)" in done.stdout
        assert json.loads(betonfs("info", "--json", staging.beton).stdout)["samples"] == 200


def test_umount_says_why_the_commit_failed():
    with staged("commit_on_unmount") as staging:
        (staging.point / "a.jpg").write_bytes(b"\xff\xd8\xff no picture")
        (staging.point / "b.txt").write_bytes(b"text")
        os.chmod(staging.point, 0o755)
        staging.options = None
        staging.beton.mkdir()  # nothing can be renamed over a directory
        done = betonfs("umount", staging.point, check=False)
        assert done.returncode not in (0, 8)
        assert "out.beton" in done.stderr
        staging.beton.rmdir()
        staging.mount()
        assert {path.name for path in staging.point.iterdir()} == {"a.jpg", "b.txt"}


def test_a_plain_umount_leaves_the_report_in_the_work_area():
    with staged("commit_on_unmount") as staging:
        (staging.point / "one").write_text("1")
        pid = staging.pid()
        run("umount", staging.point)
        wait_until(lambda: is_gone(pid), "the daemon has ended")
        area = pathlib.Path(f"{staging.beton}.stage")
        report = json.loads((area / "last_commit.json").read_text())
        assert report["samples"] == 1
        assert [path.name for path in area.iterdir()] == ["last_commit.json"]
        betonfs("discard", staging.beton)
        assert not area.exists()


def test_nothing_is_left_of_a_work_area_with_nothing_in_it():
    with staged("commit_on_unmount") as staging:
        (staging.point / "one").write_text("1")
        staging.unmount()
        assert {path.name for path in staging.directory.iterdir()} == {"out.beton", "staged"}


def test_staging_over_a_dead_mount_clears_it_away():
    with staged() as staging:
        (staging.point / "kept").write_text("kept")
        staging.kill()
        with pytest.raises(OSError):
            os.listdir(staging.point)
        done = staging.mount()
        assert "resumed" in done.stderr
        assert (staging.point / "kept").read_text() == "kept"


# ---- The sandbox.


def test_the_daemon_keeps_no_right_but_to_its_files():
    with staged() as staging:
        fill(staging.point)  # threads have been started by now
        sanitized = os.environ.get("BETONFS_SANITIZE")
        for task in pathlib.Path(f"/proc/{staging.pid()}/task").iterdir():
            status = dict(line.split(":\t", 1) for line in
                          (task / "status").read_text("ascii").splitlines() if ":\t" in line)
            if sanitized and status["NoNewPrivs"] == "0":
                continue  # a thread of the sanitizer's own
            assert status["NoNewPrivs"] == "1"
            assert sanitized or status["Seccomp"] == "2"
            file_rights = 0b1_1011  # chown, dac_override, fowner, fsetid
            assert int(status["CapEff"], 16) & ~file_rights == 0
        staging.commit("--as", "bytes")
        read_independently(staging.beton, staging.point)


def test_sandbox_off_leaves_it_all():
    with staged("sandbox=off") as staging:
        status = pathlib.Path(f"/proc/{staging.pid()}/status").read_text("ascii")
        assert "NoNewPrivs:\t0" in status
        (staging.point / "one").write_text("1")
        staging.commit("--as", "bytes")


def test_a_signal_unmounts_from_inside_the_sandbox():
    with staged() as staging:
        (staging.point / "kept").write_text("kept")
        pid = staging.pid()
        subprocess.run(["kill", str(pid)], check=True)
        wait_until(lambda: is_gone(pid), "the daemon has ended")
        assert not is_mounted(staging.point)
        staging.mount()
        assert (staging.point / "kept").read_text() == "kept"
