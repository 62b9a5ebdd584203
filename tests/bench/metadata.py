"""Names by the million: mount, find, ls -U, stat, lookups, and what memory they cost."""
import os
import random
import re
import subprocess
import time
from pathlib import Path

from machine import Tools
from peers import run

# samples, directories
SHAPES = {"1M in one directory": (1_000_000, 1), "10M in 10,000 directories": (10_000_000, 10_000)}
QUICK = {"100k in one directory": (100_000, 1), "1M in 1,000 directories": (1_000_000, 1_000)}
NUM_LOOKUPS = 20_000


def _seconds(*command) -> float:
    start = time.monotonic()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def _rss_anon_KiB(pid: int) -> int:
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def _slab_MiB() -> dict[str, float]:
    """What the kernel holds for names and inodes; needs root."""
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()[2:]
    except OSError:
        return {}
    rows = (line.split() for line in lines)
    return {r[0]: int(r[1]) * int(r[3]) / 2**20 for r in rows if r[0] in ("fuse_inode", "dentry")}


def measure(tools: Tools, work: Path, quick: bool) -> list[dict]:
    if not tools.synthetic.exists():
        raise RuntimeError(f"{tools.synthetic} is not built")
    return [_one(tools, work, name, *shape) for name, shape in (QUICK if quick else SHAPES).items()]


def _one(tools: Tools, work: Path, name: str, samples: int, directories: int) -> dict:
    image = work / f"synthetic-{samples}-{directories}.beton"
    if not image.exists():
        run(tools.synthetic, "--samples", samples, "--directories", directories, image)
    mountpoint = work / "mnt.synthetic"
    mountpoint.mkdir(exist_ok=True)
    row: dict = {"shape": name, "samples": samples}
    with tools.lock():
        before = _slab_MiB()
        row["mount_ms"] = 1000 * _seconds(tools.betonfs, "mount", image, mountpoint)
        try:
            pid = int((mountpoint / ".betonfs" / "pid").read_text())
            row["find_us"] = 1e6 * _seconds("find", mountpoint, "-type", "f") / samples
            row["rss_anon_MiB"] = _rss_anon_KiB(pid) / 1024
            row["ls_U_us"] = 1e6 * _seconds("ls", "-U", *_some_directories(mountpoint)) / (
                samples if directories == 1 else samples // directories * 10)
            scan = tools.read("scan", mountpoint)
            row["stat_us"] = 1e6 * scan["seconds"] / scan["files"]
            row["kernel_MiB"] = {k: v - before.get(k, 0) for k, v in _slab_MiB().items()}
        finally:
            run("umount", mountpoint)
        row |= _lookups(tools, work, image, mountpoint)
    return row


def _some_directories(mountpoint: Path) -> list[Path]:
    below = [Path(entry.path) for entry in os.scandir(mountpoint) if entry.is_dir()][:10]
    return below or [mountpoint]


def _random_names(tools: Tools, image: Path) -> list[str]:
    """By the program that needs no mount, so that the kernel does not know them yet."""
    listed = subprocess.run([tools.betonfs, "ls", "-R", image], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    names = [line for line in listed if not line.endswith("/")]
    return random.Random(1).sample(names, min(NUM_LOOKUPS, len(names)))


def _lookups(tools: Tools, work: Path, image: Path, mountpoint: Path) -> dict:
    names = _random_names(tools, image)
    known, missing = work / "known.txt", work / "missing.txt"
    known.write_text("\n".join(names) + "\n")
    missing.write_text("\n".join(name + ".gone" for name in names) + "\n")
    run(tools.betonfs, "mount", image, mountpoint)
    row = {}
    try:
        for key, path in (("lookup_us", known), ("missing_us", missing),
                          ("missing_again_us", missing)):
            done = tools.read("stat", path, mountpoint, 1, 0)
            row[key] = 1e6 * done["seconds"] / done["files"]
    finally:
        run("umount", mountpoint)
    return row
