#!/usr/bin/env python3
"""How fast `cp -r` fills a staging mount, commit included, beside a local file system with sync and
beside a FUSE daemon that accepts and forgets.

    tests/bench/staging.py --betonfs build/bench/bin/betonfs --null build/bench/bin/null_fuse \
        --work DIR [--rounds 5] [--small 50000] [--large 8000]

Each round copies every corpus once to every target, in turn, so that noise falls on all alike.
Printed: the median and the spread in seconds, and the ratios.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import time


def make_corpus(root, count, size, seed):
    """`count` files of about `size` bytes in 100 directories; kept if it is there."""
    if root.exists():
        return
    rng = random.Random(seed)
    for number in range(count):
        directory = root / f"{number % 100:02}"
        directory.mkdir(parents=True, exist_ok=True)
        spread = rng.randrange(size // 2, size + size // 2)
        (directory / f"{number:06}.bin").write_bytes(rng.randbytes(spread))


def warm(root):
    for directory, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                while file.read(1 << 20):
                    pass


def copy(source, target, copiers=1):
    """`cp -r` of the whole, or of its directories shared out among several cp."""
    if copiers == 1:
        subprocess.run(["cp", "-r", source, target / "copy"], check=True)
        return
    (target / "copy").mkdir()
    directories = sorted(source.iterdir())
    jobs = [
        subprocess.Popen(["cp", "-r", *directories[number::copiers], target / "copy"])
        for number in range(copiers)
    ]
    assert all(job.wait() == 0 for job in jobs)


def timed(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


@contextlib.contextmanager
def scratch(work, name):
    path = work / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def to_local(source, options, copiers):
    with scratch(options.work, "local") as target:

        def action():
            copy(source, target, copiers)
            subprocess.run(["sync", "-f", target], check=True)

        return {"total": timed(action)}


def to_staging(source, options, copiers):
    with scratch(options.work, "staging") as directory:
        point = directory / "mnt"
        point.mkdir()
        subprocess.run([options.betonfs, "stage", directory / "out.beton", point], check=True)
        try:
            copying = timed(lambda: copy(source, point, copiers))
            committing = timed(
                lambda: subprocess.run(
                    [options.betonfs, "commit", "--as", "bytes", point],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            )
        finally:
            subprocess.run([options.betonfs, "umount", point], check=True)
        return {"copy": copying, "commit": committing, "total": copying + committing}


def to_null(source, options, copiers):
    with scratch(options.work, "null") as point:
        daemon = subprocess.Popen([options.null, point])
        try:
            while not os.path.ismount(point):
                time.sleep(0.01)
            return {"total": timed(lambda: copy(source, point, copiers))}
        finally:
            subprocess.run(["fusermount3", "-u", point], check=True)
            daemon.wait()


TARGETS = {"local+sync": to_local, "staging": to_staging, "null": to_null}


def measure(name, source, options, copiers, results):
    for target, run in TARGETS.items():
        warm(source)
        for part, seconds in run(source, options, copiers).items():
            results.setdefault(f"{name} {target} {part}", []).append(seconds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--betonfs", required=True)
    parser.add_argument("--null", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=50_000, help="files of 12 KB")
    parser.add_argument("--large", type=int, default=8_000, help="files of 110 KB")
    options = parser.parse_args()
    small = options.work / f"S{options.small}"
    large = options.work / f"L{options.large}"
    make_corpus(small, options.small, 12_000, 1)
    make_corpus(large, options.large, 110_000, 2)
    results = {}
    for _ in range(options.rounds):
        measure("S", small, options, 1, results)
        measure("S x4", small, options, 4, results)
        measure("L", large, options, 1, results)
    median = {name: statistics.median(values) for name, values in results.items()}
    for name, values in results.items():
        print(f"{name:24} {median[name]:8.2f} s   {min(values):.2f} to {max(values):.2f}")
    ratios = {
        "S staging / null (at most 1.25)": median["S staging copy"] / median["S null total"],
        "S staging and commit / null": median["S staging total"] / median["S null total"],
        "S local+sync / staging": median["S local+sync total"] / median["S staging total"],
        "L local+sync / staging (at least 0.8)": median["L local+sync total"]
        / median["L staging total"],
        "S one copier / four (at least 2)": median["S staging copy"] / median["S x4 staging copy"],
    }
    for name, ratio in ratios.items():
        print(f"{name:40} {ratio:.2f}")
    print(json.dumps({"seconds": results, "ratios": ratios}))


if __name__ == "__main__":
    main()
