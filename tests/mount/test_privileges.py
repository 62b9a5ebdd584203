"""What a daemon has given up once it serves, and that an ordinary user can mount."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from support import mounts, sanitizers
from support.daemon import Corpus, daemon

HAS_FILTER = not os.environ.get("BETONFS_SANITIZE")
USER, OTHER_USER = 65534, 65533

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become other users")


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path, num_files=20)


def test_the_daemon_keeps_no_privilege(corpus):
    with daemon(corpus.file) as mount:
        assert mount.status("NoNewPrivs") == "1"
        assert int(mount.status("CapEff"), 16) == int(mount.status("CapPrm"), 16) == 0
        if HAS_FILTER:
            assert mount.status("Seccomp") == "2"
        assert corpus.compare(mount.point) == []


def test_sandbox_off_leaves_it_all(corpus):
    with daemon(corpus.file, options="sandbox=off") as mount:
        assert mount.status("NoNewPrivs") == "0"
        assert mount.status("Seccomp") == "0"
        assert corpus.compare(mount.point) == []


def test_every_thread_is_in_the_sandbox(corpus):
    if not HAS_FILTER:
        pytest.skip("sanitizers have a thread of their own, made before")
    with daemon(corpus.file) as mount:
        corpus.compare(mount.point)
        for task in pathlib.Path(f"/proc/{mount.pid}/task").iterdir():
            status = (task / "status").read_text("ascii")
            assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, task


def test_inherited_descriptors_are_closed(corpus, tmp_path):
    with open(tmp_path / "secret", "w", encoding="ascii") as secret:
        with daemon(corpus.file, pass_fds=[secret.fileno()]) as mount:
            for pid in [mount.pid, *mount.children()]:
                for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(FileNotFoundError):  # others come and go
                        assert os.readlink(link) != str(tmp_path / "secret")


def test_no_core_dump_of_the_daemon(corpus):
    # A sanitizer would have a word to say first, and exit.
    unhandled = os.environ | sanitizers.with_option("handle_segv=0")
    with daemon(corpus.file, cwd=corpus.file.parent, env=unhandled) as mount:
        os.kill(mount.pid, signal.SIGSEGV)
        assert mount.process.wait(timeout=300) == -signal.SIGSEGV
        assert not list(corpus.file.parent.glob("core*"))


# ---- An ordinary user.

# Runs in a mount namespace of its own, with a /dev/fuse that everybody may open, which is what
# udev makes on a real machine.
AS_USER = f"""
set -e
mount --make-rprivate /
mknod "$1/fuse" c 10 229
chmod 666 "$1/fuse"
mount --bind "$1/fuse" /dev/fuse
user() {{ setpriv --reuid {USER} --regid {USER} --clear-groups "$@"; }}
other() {{ setpriv --reuid {OTHER_USER} --regid {OTHER_USER} --clear-groups "$@"; }}
betonfs=$1/betonfs file=$1/data.beton mnt=$1/mnt
"""


@pytest.fixture
def user_script(corpus, tmp_path):
    """Runs a piece of shell as described above; returns its output."""
    for parent in [tmp_path, *tmp_path.parents][:3]:
        if parent != pathlib.Path("/tmp"):
            parent.chmod(0o755)
    shutil.copy(mounts.BETONFS, tmp_path / "betonfs")
    (tmp_path / "betonfs").chmod(0o755)
    corpus.file.chmod(0o644)
    (tmp_path / "mnt").mkdir()
    os.chown(tmp_path / "mnt", USER, USER)

    def run(script):
        return mounts.run(
            "unshare", "-m", "bash", "-c", AS_USER + script, "script", tmp_path, check=False
        )

    return run


@needs_root
def test_an_ordinary_user_mounts_reads_and_unmounts(user_script, corpus):
    done = user_script("""
        user "$betonfs" mount "$file" "$mnt"
        user cat "$mnt/a/00000.bin" | sha256sum
        user "$betonfs" umount "$mnt"
        if grep -q " $mnt " /proc/self/mounts; then echo still mounted; fi
    """)
    assert done.returncode == 0, done
    expected = subprocess.run(
        ["sha256sum"], input=corpus.contents["a/00000.bin"], capture_output=True, check=True
    )
    assert done.stdout == expected.stdout.decode()


@needs_root
def test_an_ordinary_users_auto_unmount(user_script):
    done = user_script("""
        user "$betonfs" mount "$file" "$mnt" -o auto_unmount
        kill -9 "$(user cat "$mnt/.betonfs/pid")"
        for _ in $(seq 600); do grep -q " $mnt " /proc/self/mounts || break; sleep 0.1; done
        if grep -q " $mnt " /proc/self/mounts; then echo still mounted; fi
    """)
    assert done.returncode == 0, done
    assert done.stdout == ""


@needs_root
def test_another_user_and_even_root_are_refused(user_script):
    done = user_script("""
        user "$betonfs" mount "$file" "$mnt"
        other cat "$mnt/a/00000.bin" >/dev/null && echo other was let in
        cat "$mnt/a/00000.bin" >/dev/null && echo root was let in
        user "$betonfs" umount "$mnt"
    """)
    assert done.returncode == 0, done
    assert done.stdout == ""
    assert done.stderr.count("Permission denied") == 2, done.stderr


@needs_root
def test_an_ordinary_users_daemon_unmounts_when_it_is_told_to_stop(user_script):
    done = user_script("""
        # Not by the function, whose subshell would be $!.
        setpriv --reuid 65534 --regid 65534 --clear-groups "$betonfs" mount -f "$file" "$mnt" &
        for _ in $(seq 600); do grep -q " $mnt " /proc/self/mounts && break; sleep 0.1; done
        trap 'kill -9 $! 2>/dev/null || true' EXIT
        user stat -f "$mnt" >/dev/null
        grep -E '^(NoNewPrivs|Seccomp):' /proc/$!/status
        kill -TERM $!
        wait $!
        if grep -q " $mnt " /proc/self/mounts; then echo still mounted; fi
    """)
    assert done.returncode == 0, done
    assert "still mounted" not in done.stdout
    assert "NoNewPrivs:\t1" in done.stdout
