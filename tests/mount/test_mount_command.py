"""How a mount begins and ends: the command, mount(8), signals, crashes, and what is in the way."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from support import mounts, pictures

USAGE, BAD_FILE, NOT_FOUND, PERMISSION, IN_THE_WAY = 2, 3, 4, 5, 6
NUM_CYCLES = 20 if os.environ.get("BETONFS_SANITIZE") else 100


@pytest.fixture(scope="module")
def beton(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    pictures.write_class_folders(folder / "photos", num_classes=2, pictures_per_class=3)
    path = folder / "photos, all.beton"  # a comma, to see it through the mount table
    mounts.betonfs("pack", folder / "photos", path)
    return path


@pytest.fixture
def point(tmp_path):
    """A place to mount on; whatever is left there is cleared away."""
    path = tmp_path / "mnt"
    path.mkdir()
    yield path
    while mounts.is_mounted(path):
        mounts.run("umount", "-l", path)


def daemon_of(point):
    return int((point / ".betonfs" / "pid").read_text())


def refused(code, *arguments):
    """Runs betonfs, which must fail with `code` and say why in one line."""
    done = mounts.betonfs(*arguments, check=False)
    assert done.returncode == code, done
    assert done.stderr.startswith("betonfs: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def mount_table_line(point):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return [line for line in file if line.split()[4] == str(point)][0]


def test_the_mount_answers_when_the_command_returns(beton, point):
    mounts.betonfs("mount", beton, point)
    assert sorted(os.listdir(point)) == ["class_0", "class_1"]
    mounts.betonfs("umount", point)
    assert os.listdir(point) == []


def test_the_mount_table_tells_what_is_mounted(beton, point):
    mounts.betonfs("mount", os.path.relpath(beton), point)
    line = mount_table_line(point)
    kind, source = line.split(" - ")[1].split()[:2]
    assert kind == "fuse.betonfs"
    assert source.replace("\\040", " ") == str(beton)
    assert {"ro", "nosuid", "nodev"} <= set(line.split()[5].split(","))
    assert "default_permissions" in line and "allow_other" not in line


def test_umount_waits_for_the_daemon(beton, point):
    mounts.betonfs("mount", beton, point)
    pid = daemon_of(point)
    mounts.betonfs("umount", point)
    assert mounts.is_gone(pid)


def test_umount_of_a_busy_mount_says_so(beton, point):
    mounts.betonfs("mount", beton, point)
    with open(next(point.rglob("*.jpg")), "rb"):
        assert "busy" in refused(IN_THE_WAY, "umount", point)
        assert mounts.is_mounted(point)
    mounts.betonfs("umount", point)


def test_umount_leaves_other_mounts_alone(tmp_path):
    assert "nothing is mounted" in refused(USAGE, "umount", tmp_path)
    assert "not of betonfs" in refused(USAGE, "umount", "/proc")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_signals_unmount(beton, point, name):
    mounts.betonfs("mount", beton, point)
    pid = daemon_of(point)
    os.kill(pid, signal.Signals[name])
    mounts.wait_until(lambda: mounts.is_gone(pid), f"the daemon ends on {name}")
    assert not mounts.is_mounted(point)


def test_a_signal_ends_a_mount_that_is_in_use(beton, point):
    mounts.betonfs("mount", beton, point)
    pid = daemon_of(point)
    with open(next(point.rglob("*.jpg")), "rb"):
        os.kill(pid, signal.SIGTERM)
        mounts.wait_until(lambda: mounts.is_gone(pid), "the daemon ends")
    assert not mounts.is_mounted(point)


def test_a_dead_mount_is_cleared_away(beton, point):
    mounts.betonfs("mount", beton, point)
    pid = daemon_of(point)
    os.kill(pid, signal.SIGKILL)
    mounts.wait_until(lambda: mounts.is_gone(pid), "the daemon is dead")
    with pytest.raises(OSError):
        os.listdir(point)
    mounts.betonfs("mount", beton, point)
    assert len(os.listdir(point)) == 2
    mounts.betonfs("umount", point)
    assert not mounts.is_mounted(point)


def test_a_dead_mount_can_be_unmounted(beton, point):
    mounts.betonfs("mount", beton, point)
    pid = daemon_of(point)
    os.kill(pid, signal.SIGKILL)
    mounts.wait_until(lambda: mounts.is_gone(pid), "the daemon is dead")
    mounts.betonfs("umount", point)
    assert not mounts.is_mounted(point)


def test_auto_unmount_clears_up_after_a_crash(beton, point):
    for _ in range(NUM_CYCLES // 4):
        mounts.betonfs("mount", beton, point, "-o", "auto_unmount")
        os.listdir(point)  # what the kernel has cached must not make the mount look alive
        os.kill(daemon_of(point), signal.SIGKILL)
        mounts.wait_until(lambda: not mounts.is_mounted(point), "the mount is gone")


def test_auto_unmount_ends_with_a_mount_that_is_unmounted(beton, point):
    mounts.betonfs("mount", beton, point, "-o", "auto_unmount")
    mounts.betonfs("umount", point)
    mounts.betonfs("mount", beton, point)
    assert len(os.listdir(point)) == 2
    mounts.betonfs("umount", point)


def test_a_hundred_cycles_leave_nothing(beton, point):
    for _ in range(NUM_CYCLES):
        mounts.betonfs("mount", beton, point)
        assert len(os.listdir(point)) == 2
        mounts.betonfs("umount", point)
    assert not [command for command in command_lines() if str(point) in command]
    assert os.listdir(point) == []


def command_lines():
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes().decode(errors="replace")


def test_two_mounts_of_one_file(beton, point, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    mounts.betonfs("mount", beton, point)
    mounts.betonfs("mount", beton, other)
    try:
        mounts.run("diff", "-r", point, other)
        mounts.betonfs("umount", point)
        assert len(os.listdir(other)) == 2
    finally:
        mounts.betonfs("umount", other)


@contextlib.contextmanager
def in_foreground(beton, point, *arguments):
    command = [mounts.BETONFS, "mount", "-f", beton, point, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            mounts.wait_until(lambda: mounts.is_mounted(point), "it mounts")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(300)


def test_the_foreground_logs_to_stderr(beton, point):
    with in_foreground(beton, point) as process:
        assert len(os.listdir(point)) == 2
        mounts.betonfs("umount", point)
        said = process.communicate(timeout=300)[1]
    assert process.returncode == 0
    assert "mounted file=" in said and "samples=6" in said and "tree=paths" in said
    assert "unmounting" in said


def test_a_log_file_keeps_what_is_logged(beton, point, tmp_path):
    log = tmp_path / "log"
    mounts.betonfs("mount", beton, point, "--log-file", log)
    mounts.betonfs("umount", point)
    assert "mounted file=" in log.read_text()
    assert "log" in refused(NOT_FOUND, "mount", beton, point, "--log-file", tmp_path / "no" / "log")


def test_what_is_not_a_dataset_is_refused(beton, point, tmp_path):
    assert "No such file" in refused(NOT_FOUND, "mount", tmp_path / "nothing.beton", point)
    assert "without .beton files" in refused(USAGE, "mount", tmp_path, point)
    text = tmp_path / "text.beton"
    text.write_text("this is no dataset, whatever it is called\n")
    assert str(text) in refused(BAD_FILE, "mount", text, point)
    (tmp_path / "empty.beton").write_bytes(b"")
    refused(BAD_FILE, "mount", tmp_path / "empty.beton", point)
    half = tmp_path / "half.beton"
    half.write_bytes(beton.read_bytes()[: beton.stat().st_size // 2])
    refused(BAD_FILE, "mount", half, point)
    assert not mounts.is_mounted(point)


def test_a_place_that_cannot_be_mounted_on_is_refused(beton, point, tmp_path):
    assert "No such file" in refused(NOT_FOUND, "mount", beton, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").write_text("x")
    assert "not a directory" in refused(USAGE, "mount", beton, tmp_path / "file")
    (point / "something").write_text("x")
    assert "not empty" in refused(IN_THE_WAY, "mount", beton, point)
    mounts.betonfs("mount", beton, point, "-o", "nonempty")
    assert "mounted there already" in refused(IN_THE_WAY, "mount", beton, point)
    mounts.betonfs("umount", point)
    assert (point / "something").read_text() == "x"


@pytest.mark.parametrize(
    "options, said",
    [
        ("tree=sideways", "expected auto, paths"),
        ("nonsense", "'nonsense' is not known"),
        ("raw=gif", "expected ppm"),
        ("field=", "needs a value"),
        ("threads=0", "threads"),
        ("max_read=1", "max_read"),
        ("tree=flat,field=nothing", "no field 'nothing'"),
        ("shards=heap", "expected dirs"),
    ],
)
def test_options_that_make_no_sense_are_refused(beton, point, options, said):
    assert said in refused(USAGE, "mount", beton, point, "-o", options)
    assert not mounts.is_mounted(point)


@pytest.mark.parametrize("options", ["nonsense", "max_read=4096", "push=page"])
def test_a_staging_mount_refuses_what_only_a_reading_one_can_do(tmp_path, point, options):
    said = refused(USAGE, "stage", tmp_path / "out.beton", point, "-o", options)
    name = options.split("=")[0]
    assert f"'{name}' is not known ('betonfs stage --help' lists them)" in said
    assert not mounts.is_mounted(point)


def test_no_dev_fuse_is_said_in_one_line(beton, point):
    hide = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 || exit 77; exec \"$@\""
    command = (mounts.BETONFS, "mount", beton, point)
    done = mounts.run("unshare", "-m", "sh", "-c", hide, "test", *command, check=False)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip("no mount namespace to hide /dev/fuse in")
    assert done.returncode == NOT_FOUND
    assert "/dev/fuse is missing" in done.stderr and done.stderr.count("\n") == 1


def test_options_that_fstab_adds_are_taken(beton, point):
    options = "rw,dev,suid,exec,auto,noauto,user,nofail,_netdev,defaults,x-systemd.automount,noatime"
    mounts.betonfs("mount", beton, point, "-o", options)
    assert "ro" in mount_table_line(point).split()[5].split(",")
    mounts.betonfs("umount", point)


@pytest.fixture(scope="module")
def system_sbin(tmp_path_factory):
    """Runs a script where /usr/sbin has mount.betonfs and mount.fuse.betonfs, as after an install:
    in a mount namespace of its own, with the installed links laid over the real directory."""
    prefix = tmp_path_factory.mktemp("installed") / "usr"
    mounts.run("cmake", "--install", os.environ["BETONFS_BUILD"], "--prefix", prefix)
    upper, work = (tmp_path_factory.mktemp(name) for name in ("upper", "work"))
    for link in (prefix / "sbin").iterdir():
        (upper / link.name).symlink_to(prefix / "bin" / "betonfs")
    overlay = f"lowerdir=/usr/sbin,upperdir={upper},workdir={work}"

    def run(script, *arguments):
        setup = f"mount -t overlay overlay -o '{overlay}' /usr/sbin || exit 77; "
        done = mounts.run(
            "unshare", "-m", "bash", "-c", setup + "set -e; PATH=$1:$PATH; shift; " + script,
            "test", prefix / "bin", *arguments, check=False
        )  # fmt: skip
        if done.returncode == 77 or "unshare:" in done.stderr:
            pytest.skip("no mount namespace with an overlay")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


SHOW = 'ls "$2"; grep -c " $2 .* - fuse.betonfs " /proc/self/mountinfo; umount "$2"; ls "$2" | wc -l'
SHOWN = "class_0\nclass_1\n1\n0\n"


@pytest.mark.parametrize("kind", ["betonfs", "fuse.betonfs"])
def test_mount_8_knows_the_type(system_sbin, beton, point, kind):
    script = f'mount -t {kind} "$1" "$2"; {SHOW}'
    assert system_sbin(script, beton, point) == SHOWN


@pytest.mark.parametrize("kind", ["betonfs", "fuse.betonfs"])
def test_fstab_knows_the_type(system_sbin, beton, point, tmp_path, kind):
    fstab = tmp_path / "fstab"
    source = str(beton).replace(" ", "\\040")
    fstab.write_text(f"{source} {point} {kind} defaults,noauto,nofail,x-test,tree=paths 0 0\n")
    script = f'mount -T "$3" "$2"; {SHOW}'
    assert system_sbin(script, beton, point, fstab) == SHOWN


def test_several_files_are_one_tree(tmp_path, point):
    (tmp_path / "shards").mkdir()
    for part in ("a", "b"):
        folder = tmp_path / part
        pictures.write_class_folders(folder, num_classes=2, pictures_per_class=2)
        for path in sorted(folder.rglob("*.jpg")):
            path.rename(path.with_name(f"{part}{path.name}"))
        mounts.betonfs("pack", folder, tmp_path / "shards" / f"{part}.beton")
    shards = tmp_path / "shards"
    names = ["a000.jpg", "a001.jpg", "b000.jpg", "b001.jpg"]
    for sources in ([shards / "a.beton", shards / "b.beton"], [shards]):
        mounts.betonfs("mount", *sources, point)
        assert sorted(os.listdir(point / "class_0")) == names
        for part in ("a", "b"):
            for path in (tmp_path / part).rglob("*.jpg"):
                mounted = point / path.relative_to(tmp_path / part)
                assert mounted.read_bytes() == path.read_bytes()
        mounts.betonfs("umount", point)
    mounts.betonfs("mount", shards, point, "-o", "shards=dirs")
    assert sorted(os.listdir(point)) == ["a", "b"]
    mounts.run("diff", "-r", tmp_path / "a", point / "a")
    mounts.betonfs("umount", point)
    shutil.copy(shards / "a.beton", shards / "c.beton")
    said = refused(USAGE, "mount", shards, point)
    assert "a.beton" in said and "c.beton" in said and "class_0/a000.jpg" in said


def test_classes_of_a_file(beton, point, tmp_path):
    classes = tmp_path / "classes.txt"
    classes.write_text("cat\ndog\n")
    mounts.betonfs("mount", beton, point, "-o", f"tree=label,classes={classes}")
    assert sorted(os.listdir(point)) == ["cat", "dog"]
    mounts.betonfs("umount", point)
    classes.write_text("dog\ncat\n")
    options = f"tree=label,classes={classes}"
    assert f"{classes}:2" in refused(USAGE, "mount", beton, point, "-o", options)


def test_one_bad_sample_fails_alone(tmp_path, point):
    """A file without checksums whose second sample points past its end."""
    fixture = mounts.FIXTURES / "bytes_var.beton"
    if not fixture.exists():
        pytest.skip("no FFCV fixtures")
    damaged = tmp_path / "damaged.beton"
    contents = bytearray(fixture.read_bytes())
    rows = 24 + 1041
    contents[rows + 16 : rows + 24] = (1 << 60).to_bytes(8, "little")
    damaged.write_bytes(contents)
    mounts.betonfs("mount", damaged, point)
    files = sorted(os.listdir(point))
    bad = []
    for name in files:
        try:
            (point / name).read_bytes()
        except OSError as error:
            assert error.errno == 5
            bad.append(name)
    assert bad == ["00000001.bin"]
    mounts.betonfs("umount", point)


