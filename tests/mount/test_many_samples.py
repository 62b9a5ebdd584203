"""A million samples: mounting costs nothing per sample, and neither does the daemon's memory."""

import os
import pathlib
import subprocess
import time

import pytest
from support import mounts

NUM_SAMPLES = 1_000_000
MAKER = pathlib.Path(os.environ["BETONFS_BUILD"]) / "bin" / "betonfs_make_synthetic"

pytestmark = [
    pytest.mark.skipif(bool(os.environ.get("BETONFS_SANITIZE")), reason="sanitizers need memory"),
    pytest.mark.skipif(not MAKER.exists(), reason="betonfs_make_synthetic is not built"),
]


@pytest.fixture(scope="module")
def beton(tmp_path_factory):
    path = tmp_path_factory.mktemp("million") / "million.beton"
    mounts.run(MAKER, "--samples", NUM_SAMPLES, "--directories", 1000, path)
    return path


def rss_anon_kib(point):
    pid = int((point / ".betonfs" / "pid").read_text())
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise AssertionError("no RssAnon")


def count_files(point):
    find = subprocess.run(["find", point, "-type", "f"], stdout=subprocess.PIPE, check=True)
    return find.stdout.count(b"\n")


@pytest.mark.parametrize("tree", ["paths", "flat"])
def test_memory_stays_flat(beton, tree, capsys):
    with open(beton, "rb") as file:  # cached: the disk is not what is measured
        while file.read(1 << 20):
            pass
    start = time.monotonic()
    with mounts.mounted(beton, options=f"tree={tree}") as point:
        mount_ms = (time.monotonic() - start) * 1000
        start = time.monotonic()
        assert count_files(point) == NUM_SAMPLES
        find_s = time.monotonic() - start
        rss_kib = rss_anon_kib(point)
        with capsys.disabled():
            print(f"\n{tree}: mount {mount_ms:.0f} ms, find {find_s:.1f} s, RssAnon {rss_kib} KiB")
        assert rss_kib < 32 * 1024
