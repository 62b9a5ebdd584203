"""Ctrl-C, as a terminal sends it: the work stops at once, and nothing half-made is left."""

import os
import pathlib
import signal
import subprocess

import pytest
from support import mounts

SIZE_BYTES = 6 << 30  # a hole, so that it costs nothing here and takes seconds to copy


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    with open(folder / "large", "wb") as file:
        file.truncate(SIZE_BYTES)
    return folder


def bytes_moved(process):
    """What it has read and written so far by system calls."""
    counters = pathlib.Path(f"/proc/{process.pid}/io").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in counters.splitlines()[:2])


def interrupt(signal_number, *arguments):
    """Starts betonfs, sends it the signal once it is well under way, and gives back how it ended."""
    process = subprocess.Popen(
        [mounts.BETONFS, *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        mounts.wait_until(lambda: bytes_moved(process) > 64 << 20, "it is under way")
        process.send_signal(signal_number)
        _, said = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, said.decode()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_pack_leaves_the_old_file_and_nothing_else(
    source, tmp_path, signal_number
):
    target = tmp_path / "out" / "data.beton"
    target.parent.mkdir()
    target.write_bytes(b"the old one")
    status, said = interrupt(
        signal_number, "pack", source, target, "--force", "--as", "bytes", "--label", "none"
    )
    assert status == 130, said
    assert "interrupted" in said
    assert os.listdir(target.parent) == ["data.beton"]
    assert target.read_bytes() == b"the old one"


def test_a_second_try_after_an_interrupt_has_its_way_free(source, tmp_path):
    target = tmp_path / "data.beton"
    arguments = ("pack", source, target, "--as", "bytes", "--label", "none")
    status, said = interrupt(signal.SIGINT, *arguments)
    assert status == 130, said
    assert not target.exists()
    os.truncate(source / "large", 1000)
    mounts.betonfs(*arguments)
    assert mounts.betonfs("cat", target, "large").stdout == "\0" * 1000
