"""Real tools on a staging mount leave what they leave on a local file system."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from support.mounts import betonfs, mounted, run
from support.stage_mounts import contents, describe, staged


def need(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


@pytest.fixture(name="source", scope="module")
def make_source(tmp_path_factory):
    """A small tree with what makes copying hard: sizes, modes, times, links, names."""
    root = tmp_path_factory.mktemp("source")
    rng = random.Random(5)
    for directory in ("a", "a/deep/er", "b", "empty dir"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for number, size in enumerate([0, 1, 4095, 4096, 4097, 100_000, 1_048_576, 1_048_577, 3_000_000]):
        (root / "a" / f"{number}.bin").write_bytes(rng.randbytes(size))
    for number in range(60):
        path = root / "b" / f"ümlaut {number}\n.bin"
        path.write_bytes(rng.randbytes(rng.randrange(20_000)))
        path.chmod(rng.choice([0o600, 0o644, 0o755, 0o444]))
        os.utime(path, ns=(1, rng.randrange(10**18)))
    (root / "a/deep/er/x").write_text("deep\n")
    (root / "link").symlink_to("a/1.bin")
    os.link(root / "a/4.bin", root / "b/hard")
    for directory in ("a", "b", "empty dir"):
        os.utime(root / directory, ns=(1, rng.randrange(10**18)))
    return root


def compare(act, check_times=True):
    """Does the same in a staging mount and in a local directory, compares, commits, compares."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="betonfs-local-") as directory, staged() as staging:
        local = pathlib.Path(directory) / "local"
        local.mkdir()
        results = [act(local), act(staging.point)]
        assert results[0] == results[1]
        expected = describe(local, check_times)
        assert describe(staging.point, check_times) == expected
        # The kernel's caches aside: what the daemon itself knows, after a new start.
        staging.unmount()
        staging.mount()
        assert describe(staging.point, check_times) == expected
        report = staging.commit("--as", "bytes", "--label", "none", "--json")
        assert report.returncode in (0, 8)
        assert describe(staging.point, check_times) == expected
        betonfs("check", staging.beton)
        skipped = contents(local)
        with mounted(staging.beton) as point:
            stored = contents(point)
        for path, digest in stored.items():
            assert skipped.pop(path) == digest, path
        assert all(is_left_out(local, path) for path in skipped), skipped
        return staging


def is_left_out(root, path):
    """Junk by name, or below a symlink to a directory."""
    name = os.path.basename(path)
    return name.startswith(("._", ".nfs")) or name in (".DS_Store", "Thumbs.db")


def test_cp_keeps_everything(source):
    compare(lambda root: run("cp", "-a", source, root / "copy").returncode)


def test_cp_within_the_mount(source):
    def act(root):
        run("cp", "-a", source, root / "one")
        return run("cp", "-a", root / "one", root / "two").returncode

    compare(act)


def test_rsync_finds_nothing_to_do_a_second_time(source):
    need("rsync")

    def act(root):
        run("rsync", "-aH", f"{source}/", root / "copy")
        return run("rsync", "-aHi", f"{source}/", root / "copy").stdout

    compare(act)


def test_rsync_in_place_and_deleting(source):
    need("rsync")

    def act(root):
        run("rsync", "-a", f"{source}/", root / "copy")
        (root / "copy" / "extra").write_text("to be deleted")
        with open(root / "copy/a/8.bin", "r+b") as file:
            file.seek(1_000_000)
            file.write(b"changed in place")
        (root / "tmp").mkdir()
        run("rsync", "-a", "--inplace", "--no-whole-file", "--delete", "-I", f"{source}/", root / "copy")
        run("rsync", "-a", "-I", f"--temp-dir={root / 'tmp'}", f"{source}/", root / "copy")
        (root / "tmp").rmdir()
        return run("rsync", "-ai", f"{source}/", root / "copy").stdout

    compare(act, check_times=False)


def test_tar_extracts(source, tmp_path):
    archive = tmp_path / "source.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(source, "source")
    compare(lambda root: run("tar", "-xpf", archive, "-C", root).returncode)


def test_unzip_extracts(source, tmp_path):
    need("unzip")
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted((source / "a").rglob("*")):
            out.write(path, path.relative_to(source))
    # The archive does not hold directories, so their times are those of the run.
    compare(lambda root: run("unzip", "-q", archive, "-d", root).returncode, check_times=False)


def test_copytree(source):
    compare(lambda root: str(shutil.copytree(source, root / "copy", symlinks=True).name))


def test_moving_and_touching(source):
    def act(root):
        run("cp", "-a", source, root / "copy")
        run("mv", root / "copy/a/5.bin", root / "copy/b/moved")
        run("mv", root / "copy/b", root / "c")
        run("mv", "-n", root / "copy/a/3.bin", root / "copy/a/4.bin")
        run("touch", "-d", "2001-02-03 04:05:06.789", root / "c/moved")
        run("touch", root / "touched")
        os.utime(root / "touched", ns=(5, 5))
        run("chmod", "-R", "u+w", root)
        run("rm", "-r", root / "copy/a/deep")
        return run("mv", root / "copy", root / "copy/a", check=False).returncode

    compare(act, check_times=False)


def test_writing_in_the_middle():
    def act(root):
        path = root / "file"
        path.write_bytes(bytes(range(256)) * 5000)
        run("dd", "if=/dev/zero", f"of={path}", "bs=1000", "seek=300", "count=7", "conv=notrunc")
        run("dd", "if=/dev/zero", f"of={root / 'sparse'}", "bs=1", "seek=5M", "count=1")
        run("truncate", "-s", "777777", path)
        run("truncate", "-s", "3M", root / "small")
        with open(path, "ab") as file:
            file.write(b"appended")
        with open(root / "small", "r+b") as file:
            file.truncate(10)
            file.truncate(20_000_000)
            file.seek(19_000_000)
            file.write(b"far out")
        for number in range(5):
            with open(root / "log", "a", encoding="utf-8") as file:
                file.write(f"line {number}\n")
        return run("sha256sum", path, check=True).stdout.split()[0]

    compare(act, check_times=False)


def test_editors():
    def act(root):
        path = root / "text"
        path.write_text("one\ntwo\nthree\n")
        run("sed", "-i", "s/two/2/", path)
        if shutil.which("vim"):
            run("vim", "-es", "-u", "NONE", "-c", "%s/three/3/", "-c", "wq", path, check=False)
        return path.read_text()

    compare(act, check_times=False)


def test_an_unlinked_file_stays_readable():
    def act(root):
        path = root / "gone"
        with open(path, "w+b") as file:
            file.write(b"x" * 100_000)
            path.unlink()
            file.write(b"more")
            file.seek(0)
            return len(file.read()), os.fstat(file.fileno()).st_nlink

    compare(act, check_times=False)


def test_mapped_writes():
    def act(root):
        import mmap

        path = root / "mapped"
        with open(path, "w+b") as file:
            file.truncate(300_000)
            mapping = mmap.mmap(file.fileno(), 300_000)
        mapping[1000:1010] = b"0123456789"  # after the descriptor was closed
        mapping[299_990:] = b"abcdefghij"
        mapping.close()
        return path.read_bytes()[990:1020], path.stat().st_size

    compare(act, check_times=False)


def test_git_clone(tmp_path):
    need("git")
    repository = tmp_path / "repository"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    run(*git, "init", "-q", repository)
    for number in range(20):
        (repository / f"file{number}").write_text(str(number) * 1000)
    run(*git, "-C", repository, "add", ".")
    run(*git, "-C", repository, "commit", "-q", "-m", "all")

    with staged() as staging:
        run(*git, "clone", "-q", "--no-hardlinks", repository, staging.point / "clone")
        run(*git, "-C", staging.point / "clone", "fsck", "--strict")
        assert run(*git, "-C", staging.point / "clone", "status", "--porcelain").stdout == ""
        expected = contents(staging.point)
        assert staging.commit("--as", "bytes").returncode == 0
        with mounted(staging.beton) as point:
            assert contents(point) == expected


def test_sqlite():
    import sqlite3

    with staged() as staging:
        path = staging.point / "data.sqlite"
        for round_ in range(4):
            database = sqlite3.connect(path)
            database.execute("create table if not exists t (a integer primary key, b text)")
            with database:
                database.executemany("insert into t (b) values (?)", [("x" * 500,)] * 2000)
            database.execute("delete from t where a % 7 = ?", (round_,))
            database.commit()
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
            database.close()
        assert staging.commit("--as", "bytes").returncode == 0
        with mounted(staging.beton) as point:
            copy = staging.directory / "copy.sqlite"
            shutil.copyfile(point / "data.sqlite", copy)
        assert sqlite3.connect(copy).execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_compiler_builds_a_project():
    need("gcc")
    with staged() as staging:
        root = staging.point
        (root / "part.c").write_text("int part(void) { return 42; }\n")
        (root / "main.c").write_text("int part(void); int main(void) { return part() - 42; }\n")
        run("gcc", "-O1", "-g", "-c", "part.c", "main.c", cwd=root)
        run("ar", "rcs", "libpart.a", "part.o", cwd=root)
        run("gcc", "-o", "program", "main.o", "-L.", "-lpart", cwd=root)
        run(root / "program")


def test_what_is_refused():
    with staged() as staging:
        with pytest.raises(PermissionError):
            os.mkfifo(staging.point / "fifo")
        with pytest.raises(OSError):
            os.setxattr(staging.point, "user.x", b"1")
        assert os.statvfs(staging.point).f_bavail > 0
        assert ".betonfs" not in os.listdir(staging.point)
        assert set(os.listdir(staging.point / ".betonfs")) == {"status", "commit", "pid"}


def test_a_second_stage_is_kept_out():
    with staged() as staging:
        other = staging.directory / "other"
        other.mkdir()
        done = betonfs("stage", staging.beton, other, check=False)
        assert done.returncode == 6, done.stderr
        assert betonfs("discard", staging.beton, check=False).returncode == 6


def test_uncommitted_changes_are_kept_until_discarded():
    with staged() as staging:
        (staging.point / "kept").write_text("kept")
        staging.unmount()
        assert not staging.beton.exists()
        staging.mount()
        assert (staging.point / "kept").read_text() == "kept"
        staging.unmount()
        betonfs("discard", staging.beton)
        staging.mount()
        assert os.listdir(staging.point) == []


def test_commit_at_unmount_and_while_unmounted():
    with staged("commit_on_unmount") as staging:
        (staging.point / "one").write_text("1")
        staging.unmount()
        betonfs("check", staging.beton)
        staging.options = None
        staging.mount()
        (staging.point / "two").write_text("2")
        staging.unmount()
        betonfs("commit", staging.beton)
        with mounted(staging.beton) as point:
            assert contents(point).keys() == {"one", "two"}


def test_the_report_names_what_is_left_out(source):
    import json

    with staged() as staging:
        (staging.point / "kept").write_text("kept")
        (staging.point / ".DS_Store").write_text("junk")
        (staging.point / "dangling").symlink_to("nowhere")
        (staging.point / "followed").symlink_to("kept")
        done = staging.commit("--json")
        assert done.returncode == 8
        report = json.loads(done.stdout)
        assert [skip["path"] for skip in report["skipped"]] == [".DS_Store"]
        assert {link["path"]: link["followed"] for link in report["links"]} == {
            "dangling": False,
            "followed": True,
        }
        before = describe(staging.point)
        staging.kill()
        staging.mount()
        assert describe(staging.point) == before
        with mounted(staging.beton) as point:
            assert contents(point).keys() == {"kept", "followed"}


if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-q", __file__]))
