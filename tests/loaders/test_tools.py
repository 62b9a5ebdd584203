"""Programs of the command line, unchanged and with the options they need anywhere."""

import hashlib
import shutil
import tarfile

import pytest
from support import mounts


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def assert_same_tree(left, right):
    """Names, contents, modes and mtimes to the nanosecond."""
    left_paths = sorted(path.relative_to(left) for path in left.rglob("*"))
    assert left_paths == sorted(path.relative_to(right) for path in right.rglob("*"))
    for path in left_paths:
        a, b = (left / path).stat(), (right / path).stat()
        assert a.st_mode == b.st_mode, path
        assert a.st_mtime_ns == b.st_mtime_ns, path
        if (left / path).is_file():
            assert (left / path).read_bytes() == (right / path).read_bytes(), path


def test_cp_a(photographs, tmp_path):
    mounts.run("cp", "-a", photographs.mount, tmp_path / "copy")
    assert_same_tree(photographs.source, tmp_path / "copy")


def test_rsync_with_attributes_finds_nothing_to_do_the_second_time(photographs, tmp_path):
    need("rsync")
    command = ("rsync", "-aX", "--itemize-changes", f"{photographs.mount}/", tmp_path / "copy")
    first = mounts.run(*command)
    assert first.stderr == ""
    assert_same_tree(photographs.source, tmp_path / "copy")
    assert mounts.run(*command).stdout == ""


def test_rsync_by_checksum_agrees_with_the_source(photographs):
    need("rsync")
    done = mounts.run(
        "rsync", "-a", "--checksum", "--dry-run", "--itemize-changes",
        f"{photographs.mount}/", photographs.source,
    )  # fmt: skip
    assert done.stdout == ""


def test_tar(photographs, tmp_path):
    mounts.run("tar", "-C", photographs.mount, "-cf", tmp_path / "tree.tar", ".")
    with tarfile.open(tmp_path / "tree.tar") as tar:
        members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
        assert sorted(members) == [str(path) for path in photographs.paths]
        for path in photographs.paths:
            data = tar.extractfile(members[str(path)]).read()
            assert data == (photographs.source / path).read_bytes()


def test_sha256sum(photographs):
    done = mounts.run("sha256sum", *photographs.paths, cwd=photographs.mount)
    for line, path in zip(done.stdout.splitlines(), photographs.paths, strict=True):
        expected = hashlib.sha256((photographs.source / path).read_bytes()).hexdigest()
        assert line == f"{expected}  {path}"


def test_diff_r(photographs):
    assert mounts.run("diff", "-r", photographs.source, photographs.mount).stdout == ""


def test_file(photographs):
    need("file")
    done = mounts.run("file", "--brief", *photographs.paths, cwd=photographs.mount)
    meant = mounts.run("file", "--brief", *photographs.paths, cwd=photographs.source)
    assert done.stdout == meant.stdout
    assert all(line.startswith("JPEG image data") for line in done.stdout.splitlines())


def test_identify(photographs):
    need("identify")
    command = ("identify", "-format", "%f %m %wx%h %#\n", *photographs.paths)
    done = mounts.run(*command, cwd=photographs.mount)
    assert done.stdout == mounts.run(*command, cwd=photographs.source).stdout
    assert len(done.stdout.splitlines()) == len(photographs.paths)


def test_find_and_du_see_sizes(photographs):
    listing = ("find", ".", "-type", "f", "-printf", "%P %s\n")
    seen = sorted(mounts.run(*listing, cwd=photographs.mount).stdout.splitlines())
    assert seen == sorted(mounts.run(*listing, cwd=photographs.source).stdout.splitlines())
    apparent = ("du", "-sb", "--exclude=.betonfs", "class_0")
    files = sum(
        (photographs.source / path).stat().st_size
        for path in photographs.paths
        if photographs.label(path) == 0
    )
    assert int(mounts.run(*apparent, cwd=photographs.mount).stdout.split()[0]) >= files
