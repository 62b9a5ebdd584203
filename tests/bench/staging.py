"""`cp -r` into a staging mount, commit included, beside a local file system with sync and beside a
FUSE daemon that accepts and forgets (null_fuse: the floor that round trips set).

Within one file system cp leaves copying to the kernel (copy_file_range); into any other, a staging
mount among them, it moves every byte through a buffer of its own, which it maps anew for each file.
So the local file system is filled twice: from itself, and from a tmpfs.
"""
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from corpora import Corpus
from machine import Tools, warm

COPIERS = 4
TMPFS = Path("/dev/shm")
ACROSS = "local from tmpfs"


def measure(tools: Tools, corpus: Corpus, rounds: int) -> list[dict]:
    """One row per target and part; the targets take turns in every round."""
    with _copied_to(TMPFS, corpus) as elsewhere:
        return _measure(tools, corpus, elsewhere, rounds)


def _measure(tools: Tools, corpus: Corpus, elsewhere: Path, rounds: int) -> list[dict]:
    seconds: dict[str, list[float]] = {}
    requests = {}
    for _ in range(rounds):
        with tools.lock():
            for copiers in (1, COPIERS):
                for target, run in TARGETS.items():
                    source = elsewhere if target == ACROSS else corpus.source
                    _warm_all(source)
                    parts = run(tools, corpus, source, copiers)
                    requests = parts.pop("requests", requests)
                    for part, value in parts.items():
                        seconds.setdefault(f"{target}, {copiers} cp: {part}", []).append(value)
    measured = {f"{what}, s": values for what, values in seconds.items()} | _ratios(seconds)
    rows = [{"corpus": corpus.name, "what": what, "median": statistics.median(values),
             "spread": [min(values), max(values)]} for what, values in measured.items()]
    per_file = {op: round(count / len(corpus.sizes), 3) for op, count in requests.items() if count}
    return rows + [{"corpus": corpus.name, "what": "requests per file", "spread": per_file}]


def _ratios(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Within each round, which has seen the same noise."""
    def divide(above: str, below: str) -> list[float]:
        return [a / b for a, b in zip(seconds[above], seconds[below])]

    return {
        "copy / null (S: at most 1.25)": divide("staging, 1 cp: copy", "null, 1 cp: copy"),
        "local+sync / copy+commit (L: at least 0.8)":
            divide("local, 1 cp: total", "staging, 1 cp: total"),
        "local+sync from tmpfs / copy+commit":
            divide(f"{ACROSS}, 1 cp: total", "staging, 1 cp: total"),
        "local / copy, neither synced": divide("local, 1 cp: copy", "staging, 1 cp: copy"),
        "local from tmpfs / copy, neither synced":
            divide(f"{ACROSS}, 1 cp: copy", "staging, 1 cp: copy"),
        f"one cp / {COPIERS}, staging (at least 2)":
            divide("staging, 1 cp: copy", f"staging, {COPIERS} cp: copy"),
        f"one cp / {COPIERS}, null": divide("null, 1 cp: copy", f"null, {COPIERS} cp: copy"),
        f"one cp / {COPIERS}, local": divide("local, 1 cp: copy", f"local, {COPIERS} cp: copy"),
    }


def _to_local(_: Tools, corpus: Corpus, source: Path, copiers: int) -> dict:
    with _scratch(corpus, "local") as target:
        copying = _timed(lambda: _copy(source, target, copiers))
        syncing = _timed(lambda: subprocess.run(["sync", "-f", target], check=True))
        return {"copy": copying, "sync": syncing, "total": copying + syncing}


def _to_staging(tools: Tools, corpus: Corpus, source: Path, copiers: int) -> dict:
    """`write-back` is fsync of all of it: what is left for commit is its own work."""
    with _scratch(corpus, "staging") as directory, _staged(tools, directory) as point:
        copying = _timed(lambda: _copy(source, point, copiers))
        status = json.loads((point / ".betonfs" / "status").read_text())
        syncing = _timed(lambda: _fsync(point))
        committing = _timed(lambda: subprocess.run(
            [tools.betonfs, "commit", "--as", "bytes", point], check=True,
            stdout=subprocess.DEVNULL))
        return {"copy": copying, "write-back": syncing, "commit": committing,
                "total": copying + syncing + committing, "requests": status["requests"]}


def _to_null(tools: Tools, corpus: Corpus, source: Path, copiers: int) -> dict:
    with _scratch(corpus, "null") as point:
        daemon = subprocess.Popen([tools.null_fuse, point])
        try:
            while not os.path.ismount(point):
                time.sleep(0.01)
            return {"copy": _timed(lambda: _copy(source, point, copiers))}
        finally:
            subprocess.run(["fusermount3", "-u", point], check=True)
            daemon.wait()


TARGETS = {"local": _to_local, ACROSS: _to_local, "staging": _to_staging, "null": _to_null}


def _copy(source: Path, target: Path, copiers: int) -> None:
    """`cp -r` of the whole, or of its directories shared out among several cp."""
    directories = sorted(source.iterdir())
    (target / "copy").mkdir()
    jobs = [subprocess.Popen(["cp", "-r", *directories[number::copiers], target / "copy"])
            for number in range(copiers)]
    if any(job.wait() != 0 for job in jobs):
        raise RuntimeError("cp failed")


def _fsync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _copied_to(parent: Path, corpus: Corpus):
    with tempfile.TemporaryDirectory(prefix="betonfs-bench-", dir=parent) as directory:
        yield Path(shutil.copytree(corpus.source, Path(directory) / "source"))


@contextlib.contextmanager
def _staged(tools: Tools, directory: Path):
    point = directory / "mnt"
    point.mkdir()
    subprocess.run([tools.betonfs, "stage", directory / "out.beton", point], check=True)
    try:
        yield point
    finally:
        subprocess.run([tools.betonfs, "umount", point], check=True)


def _warm_all(source: Path) -> None:
    for directory, _, names in os.walk(source):
        for name in names:
            warm(Path(directory) / name)


def _timed(action) -> float:
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


@contextlib.contextmanager
def _scratch(corpus: Corpus, name: str):
    path = corpus.dir / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.sync()  # of the removal, which the next target must not pay for
