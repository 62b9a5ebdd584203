"""`betonfs pack` beside tar, mksquashfs and mkfs.erofs; source cached, fsync included for all."""
import os
import random
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from corpora import Corpus
from machine import Tools, which
from peers import Ext4

PACKERS = {
    "betonfs pack": ("betonfs", lambda t, s, o: [t.betonfs, "pack", "--as", "bytes", s, o]),
    "tar cf": ("tar", lambda t, s, o: ["tar", "cf", o, "-C", s, "."]),
    "mksquashfs": ("mksquashfs", lambda t, s, o: ["mksquashfs", s, o, "-noI", "-noD", "-noF",
                                                  "-noX", "-no-progress", "-quiet"]),
    "mkfs.erofs": ("mkfs.erofs", lambda t, s, o: ["mkfs.erofs", o, s]),
}


def _timed(*commands) -> float:
    start = time.monotonic()
    for command in commands:
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def measure(tools: Tools, corpus: Corpus, rounds: int, tmpfs: Path) -> list[dict]:
    rows = []
    for place, source, target in _places(corpus, tmpfs):
        seconds: dict[str, list[float]] = {}
        for _ in range(rounds):
            names = [n for n, (program, _) in PACKERS.items() if n == "betonfs pack" or which(program)]
            if place == "disk":
                names.append("dd oflag=direct")
            random.shuffle(names)
            with tools.lock():
                Ext4(corpus, tools).warm()
                for name in names:
                    seconds.setdefault(name, []).append(_once(tools, name, source, target, corpus))
        for name, times in seconds.items():
            rows.append({"corpus": corpus.name, "place": place, "packer": name,
                         "seconds": statistics.median(times), "spread": [min(times), max(times)],
                         "MB_per_s": corpus.bytes / 1e6 / statistics.median(times),
                         "times_betonfs": statistics.median(times) / statistics.median(
                             seconds["betonfs pack"])})
        target.unlink(missing_ok=True)
        if place == "tmpfs":
            shutil.rmtree(source)
    return rows


def _places(corpus: Corpus, tmpfs: Path):
    yield "disk", corpus.source, corpus.dir / "packed"
    if shutil.disk_usage(tmpfs).free > 3 * corpus.bytes:
        copy = tmpfs / f"betonfs-bench-{os.getpid()}-{corpus.name}"
        shutil.copytree(corpus.source, copy)
        yield "tmpfs", copy, tmpfs / f"betonfs-bench-{os.getpid()}-packed"


def _once(tools, name, source, target, corpus) -> float:
    target.unlink(missing_ok=True)
    if name == "dd oflag=direct":
        blocks = corpus.bytes // (8 << 20) + 1
        return _timed(["dd", "if=/dev/zero", f"of={target}", "bs=8M", f"count={blocks}",
                       "oflag=direct"], ["sync", target])
    return _timed(PACKERS[name][1](tools, source, target), ["sync", target])
