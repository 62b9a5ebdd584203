"""A folder, packed and mounted, is the same folder: names, contents, modes and times."""

import filecmp
import mmap
import os
import random
import stat

import pytest
from support import mounts


def write(path, contents=b"", mode=0o644, mtime_ns=1_600_000_000_123_456_789):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    path.chmod(mode)
    os.utime(path, ns=(mtime_ns, mtime_ns))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Everything a name, a tree and a size can be."""
    root = tmp_path_factory.mktemp("source")
    rng = random.Random(7)
    write(root / "plain.txt", b"hello\n")
    write(root / "empty")
    write(root / "with space" / " lead and trail ", b"x")
    write(root / "new\nline" / "tab\there", b"y" * 5000)
    write(root / "ünï" / "日本語.txt", "日本語".encode())
    write(root / os.fsdecode(b"not \xff utf-8"), b"z")
    write(root / ("n" * 255), b"long name")
    write(root / "-rf", b"looks like an option")
    write(root / "modes" / "private", b"p", mode=0o600)
    write(root / "modes" / "program", b"#!/bin/sh\n", mode=0o755)
    write(root / "old", b"o", mtime_ns=-86_400_000_000_000)
    write(root.joinpath(*["d"] * 60) / "deep", b"deep")
    write(root / "large", rng.randbytes(9_000_001))
    for number in range(300):
        write(root / "many" / f"{number:03}", rng.randbytes(rng.randrange(0, 9000)))
    (root / "empty folder").mkdir()
    (root / "empty folder" / "inner").mkdir(mode=0o700)
    for folder, _, _ in os.walk(root, topdown=False):
        os.utime(folder, ns=(1_500_000_000_000_000_000,) * 2)
    return root


@pytest.fixture(scope="module")
def beton(source, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "whole tree.beton"
    mounts.betonfs("pack", source, path, "--as", "bytes", "--label", "none")
    return path


@pytest.fixture(scope="module")
def mount(beton):
    with mounts.mounted(beton) as root:
        yield root


def walk(root):
    """path -> lstat, of everything below root."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, os.fsencode(root))] = os.lstat(path)
    return found


def test_names_modes_and_times(source, mount):
    want, got = walk(source), walk(mount)
    assert sorted(want) == sorted(got)
    for path, info in want.items():
        assert stat.filemode(got[path].st_mode) == stat.filemode(info.st_mode), path
        assert got[path].st_mtime_ns == info.st_mtime_ns, path
        if stat.S_ISREG(info.st_mode):
            assert got[path].st_size == info.st_size, path
            assert got[path].st_blocks * 512 >= info.st_size, path


def test_every_byte(source, mount):
    for path, info in walk(source).items():
        if stat.S_ISREG(info.st_mode):
            a, b = (os.path.join(os.fsencode(root), path) for root in (source, mount))
            assert filecmp.cmp(a, b, shallow=False), path
    mounts.run("diff", "-r", source, mount)


def test_reads_at_any_offset(source, mount):
    want = (source / "large").read_bytes()
    rng = random.Random(1)
    with open(mount / "large", "rb", buffering=0) as file:
        for _ in range(200):
            offset = rng.randrange(len(want) + 1000)
            size = rng.randrange(300_000)
            assert os.pread(file.fileno(), size, offset) == want[offset : offset + size]


def test_mmap(source, mount):
    with open(mount / "large", "rb") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert mapped[:] == (source / "large").read_bytes()


def test_direct_io(source, mount):
    descriptor = os.open(mount / "large", os.O_RDONLY | os.O_DIRECT)
    try:
        buffer = mmap.mmap(-1, 1 << 20)
        assert os.preadv(descriptor, [buffer], 1 << 20) == 1 << 20
        assert buffer[:] == (source / "large").read_bytes()[1 << 20 : 2 << 20]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("tool", ["cp", "tar", "rsync"])
def test_copying_tools(tool, source, mount, tmp_path):
    if tool == "cp":
        mounts.run("cp", "-a", f"{mount}/.", tmp_path)
    elif tool == "tar":
        command = f"tar -C '{mount}' --format=posix -cf - . | tar -C '{tmp_path}' -xpf -"
        mounts.run("bash", "-c", f"set -o pipefail; {command}")
    else:
        mounts.run("rsync", "-aX", f"{mount}/", f"{tmp_path}/")
        again = mounts.run("rsync", "-aXni", f"{mount}/", f"{tmp_path}/")
        assert again.stdout == ""
    mounts.run("diff", "-r", source, tmp_path)
    assert not (tmp_path / ".betonfs").exists()
    want, got = walk(source), walk(tmp_path)
    for path, info in want.items():
        assert got[path].st_mtime_ns == info.st_mtime_ns, path
        assert got[path].st_mode == info.st_mode, path


def test_missing_names_are_missing(mount):
    for name in ("nothing", "plain.tx", "plain.txt2", "many/300", "plain.txt/x"):
        assert not (mount / name).exists()
    assert not (mount / ("n" * 254)).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "new").write_text("x"),
        lambda root: (root / "plain.txt").write_text("x"),
        lambda root: (root / "plain.txt").unlink(),
        lambda root: (root / "plain.txt").rename(root / "other"),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "empty folder" / "inner").rmdir(),
        lambda root: (root / "plain.txt").chmod(0o777),
        lambda root: os.utime(root / "plain.txt"),
        lambda root: os.truncate(root / "plain.txt", 0),
        lambda root: (root / "link").symlink_to("plain.txt"),
        lambda root: os.link(root / "plain.txt", root / "hard"),
        lambda root: os.setxattr(root / "plain.txt", "user.x", b"1"),
    ],
)
def test_nothing_can_be_changed(mount, change):
    with pytest.raises(OSError) as refused:
        change(mount)
    assert refused.value.errno == 30  # EROFS


def test_the_control_directory_is_reachable_and_not_listed(mount):
    assert ".betonfs" not in os.listdir(mount)
    assert (mount / ".betonfs").is_dir()
    assert "info.json" in os.listdir(mount / ".betonfs")


def test_usr_include(tmp_path):
    """Thousands of files nobody made for this test."""
    beton = tmp_path / "include.beton"
    mounts.betonfs("pack", "/usr/include", beton, "--as", "bytes", "--label", "none", check=False)
    copy = tmp_path / "copy"
    mounts.run("cp", "-rL", "/usr/include", copy)
    with mounts.mounted(beton) as root:
        mounts.run("diff", "-r", copy, root)
