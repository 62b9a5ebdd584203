"""What `cmake --install` puts where, and that systemd likes its units."""

import os
import pathlib
import shutil
import subprocess

import pytest
from support import mounts


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    mounts.run("cmake", "--install", os.environ["BETONFS_BUILD"], "--prefix", prefix)
    return prefix


def test_the_program_runs_from_where_it_is_installed(prefix):
    assert mounts.run(prefix / "bin" / "betonfs", "--version").stdout.startswith("betonfs ")


@pytest.mark.parametrize("name", ["mount.betonfs", "mount.fuse.betonfs"])
def test_mount_helpers_lead_to_the_program(prefix, name):
    helper = prefix / "sbin" / name
    assert helper.is_symlink()
    assert helper.resolve() == prefix / "bin" / "betonfs"
    assert not os.path.isabs(os.readlink(helper))  # survives DESTDIR and a moved prefix


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_units_verify(prefix, tmp_path):
    installed = prefix / "lib" / "systemd" / "system" / "betonfs@.service"
    # The unit names the program where the real prefix has it; here it is elsewhere.
    text = installed.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("ExecSt")]
    assert len(lines) == 2
    for line in lines:
        program = line.split("=", 1)[1].split()[0]
        assert program.endswith("/bin/betonfs")
        text = text.replace(program, mounts.BETONFS)
    (tmp_path / "betonfs@photos.service").write_text(text, encoding="utf-8")
    examples = prefix / "share" / "doc" / "betonfs" / "examples"
    for example in sorted(examples.iterdir()):
        shutil.copy(example, tmp_path)
    units = sorted(path for path in pathlib.Path(tmp_path).iterdir())
    assert [unit.suffix for unit in units] == [".service", ".automount", ".mount"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
