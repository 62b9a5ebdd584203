"""Long load: 32 readers of every kind under eviction, every byte compared, and a daemon whose memory,
descriptors and threads stay what they were.

    BETONFS_SOAK_S=1200 tests/bench/soak        twenty minutes, with a report
"""

import collections
import concurrent.futures
import json
import math
import mmap
import os
import pathlib
import random
import threading
import time
import traceback

from support import mounts
from support.daemon import Corpus, daemon
from support.memory_group import memory_limit

LENGTH_S = float(os.environ.get("BETONFS_SOAK_S", "40"))
NUM_PROCESSES = 8
THREADS_PER_PROCESS = 4
WARM_UP_SHARE = 0.25  # of the time, before what the daemon uses must be flat
RSS_ANON_SLACK_KIB = 4096


class Latencies:
    """Of one kind of work: how many took how long, in steps of a tenth of a power of two."""

    def __init__(self):
        self.buckets = collections.Counter()
        self.num_bytes = 0
        self.longest_s = 0.0

    def add(self, seconds, num_bytes):
        self.buckets[int(math.log2(max(seconds, 1e-7)) * 10)] += 1
        self.num_bytes += num_bytes
        self.longest_s = max(self.longest_s, seconds)

    def merge(self, other):
        for bucket, count in other["buckets"].items():
            self.buckets[int(bucket)] += count
        self.num_bytes += other["num_bytes"]
        self.longest_s = max(self.longest_s, other["longest_s"])

    def count(self):
        return sum(self.buckets.values())

    def percentile_ms(self, share):
        left = self.count() * share
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return 2 ** ((bucket + 1) / 10) * 1e3
        return 0.0


def read_whole(path, expected, _):
    got = path.read_bytes()
    assert got == expected, f"{path}: wrong bytes"
    return len(got)


def read_mapped(path, expected, _):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
        assert mapping[:] == expected, f"{path}: wrong bytes in a mapping"
    return len(expected)


def read_direct(path, expected, _):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        with mmap.mmap(-1, (len(expected) + 8192) // 4096 * 4096) as buffer:
            size = os.preadv(fd, [buffer], 0)
            assert buffer[:size] == expected, f"{path}: wrong bytes with O_DIRECT"
    finally:
        os.close(fd)
    return len(expected)


def read_pieces(path, expected, chance):
    fd = os.open(path, os.O_RDONLY)
    done = 0
    try:
        for _ in range(8):
            offset = chance.randrange(len(expected) + 100)
            size = chance.randrange(1, 20_000)
            got = os.pread(fd, size, offset)
            assert got == expected[offset : offset + size], f"{path}: wrong bytes at {offset}"
            done += len(got)
    finally:
        os.close(fd)
    return done


class Reader:
    def __init__(self, corpus, point, seed, end):
        self.corpus = corpus
        self.point = pathlib.Path(point)
        self.chance = random.Random(seed)
        self.end = end
        self.latencies = {}
        self.error = None
        self.paths = list(corpus.contents)
        self.sizes = collections.defaultdict(dict)
        for path, contents in corpus.contents.items():
            directory, name = path.split("/")
            self.sizes[directory][name] = len(contents)

    def run(self):
        try:
            while time.monotonic() < self.end:
                if self.chance.random() < 0.02:
                    self.time("scan", self.scan)
                else:
                    self.read()
        except Exception:  # to be shown by the parent
            self.error = traceback.format_exc()

    def time(self, kind, work):
        start = time.monotonic()
        num_bytes = work()
        self.latencies.setdefault(kind, Latencies()).add(time.monotonic() - start, num_bytes)

    def read(self):
        path = self.chance.choice(self.paths)
        how = self.chance.choice((read_whole, read_mapped, read_direct, read_pieces))
        file, expected = self.point / path, self.corpus.contents[path]
        self.time(how.__name__, lambda: how(file, expected, self.chance))

    def scan(self):
        directory = self.chance.choice(list(self.sizes))
        with os.scandir(self.point / directory) as entries:
            found = {entry.name: entry.stat().st_size for entry in entries}
        assert found == self.sizes[directory], f"{directory}: wrong names or sizes"
        return 0


def reader_process(corpus, point, seed, end, report):
    """Several readers in one process; writes what they did as JSON."""
    readers = [Reader(corpus, point, seed * 100 + i, end) for i in range(THREADS_PER_PROCESS)]
    threads = [threading.Thread(target=reader.run) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = {}
    for reader in readers:
        for kind, latencies in reader.latencies.items():
            total.setdefault(kind, Latencies()).merge(vars(latencies))
    errors = [reader.error for reader in readers if reader.error]
    kinds = {kind: vars(latencies) for kind, latencies in total.items()}
    report.write_text(json.dumps({"kinds": kinds, "errors": errors}))


def start_readers(corpus, point, end, directory):
    """Forks; returns {pid: report}."""
    reports = {}
    for seed in range(NUM_PROCESSES):
        report = pathlib.Path(directory) / f"readers{seed}.json"
        pid = os.fork()
        if pid == 0:
            try:
                reader_process(corpus, point, seed, end, report)
            finally:
                os._exit(0)
        reports[pid] = report
    return reports


def evict(corpus, point, chance):
    """Some of the mounted files, or all of the store, leave the kernel's cache."""
    if chance.random() < 0.1:
        paths = [corpus.file]
    else:
        paths = [point / path for path in chance.sample(list(corpus.contents), 50)]
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def evict_until(end, corpus, point, chance):
    while time.monotonic() < end:
        evict(corpus, point, chance)
        time.sleep(0.2)


def usage(mount):
    return {
        "RssAnon KiB": mount.rss_anon_kib(),
        "descriptors": mount.num_descriptors(),
        "threads": mount.num_threads(),
    }


def test_soak(tmp_path):
    corpus = Corpus(tmp_path, num_files=2000, largest=80_000)
    size_bytes = len(corpus.bytes)
    chance = random.Random(7)
    samples = []
    with memory_limit(size_bytes // 4 + (400 << 20)) as (confine, is_confined), daemon(
        corpus.file
    ) as mount:
        confine(mount.pid)
        end = time.monotonic() + LENGTH_S
        reports = start_readers(corpus, mount.point, end, tmp_path)
        for pid in reports:
            confine(pid)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # samples come however slow that is
            evicting = pool.submit(evict_until, end, corpus, mount.point, chance)
            while time.monotonic() < end:
                samples.append(usage(mount))
                time.sleep(0.2)
        evicting.result()
        for pid in reports:
            assert os.waitpid(pid, 0)[1] == 0
        assert mount.is_alive()
        assert mount.stop() == 0
    results = [json.loads(report.read_text()) for report in reports.values()]
    errors = [error for result in results for error in result["errors"]]
    assert not errors, errors[0]

    total = {}
    for result in results:
        for kind, latencies in result["kinds"].items():
            total.setdefault(kind, Latencies()).merge(latencies)
    print_report(total, samples, size_bytes, is_confined)
    assert set(total) == {"scan", "read_whole", "read_mapped", "read_direct", "read_pieces"}
    assert sum(latencies.num_bytes for latencies in total.values()) > size_bytes
    assert_flat(samples)


def print_report(total, samples, size_bytes, is_confined):
    num_bytes = sum(latencies.num_bytes for latencies in total.values())
    print(f"\n{NUM_PROCESSES * THREADS_PER_PROCESS} readers, {LENGTH_S:.0f} s, {size_bytes} byte file,"
          f" memory limit: {'yes' if is_confined else 'no'}; {num_bytes} bytes compared, all equal")
    print(f"{'work':12} {'count':>9} {'p50 ms':>8} {'p99 ms':>8} {'p99.9 ms':>9} {'max ms':>8}")
    for kind, latencies in sorted(total.items()):
        print(f"{kind:12} {latencies.count():9} {latencies.percentile_ms(0.5):8.2f}"
              f" {latencies.percentile_ms(0.99):8.2f} {latencies.percentile_ms(0.999):9.2f}"
              f" {latencies.longest_s * 1e3:8.1f}")
    for key in samples[0]:
        values = [sample[key] for sample in samples]
        warm = values[int(len(values) * WARM_UP_SHARE) :]
        print(f"{key}: {values[0]} at first, {min(warm)} to {max(warm)} after warming up")


def assert_flat(samples):
    """After warming up, the second half of the time used no more than the first."""
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    half = len(warm) // 2
    assert half > 10
    early, late = warm[:half], warm[half:]
    slacks = {"RssAnon KiB": RSS_ANON_SLACK_KIB, "descriptors": 2, "threads": 2}
    if os.environ.get("BETONFS_SANITIZE"):
        del slacks["RssAnon KiB"]  # sanitizers keep what was freed
    for key, slack in slacks.items():
        before = max(sample[key] for sample in early)
        after = max(sample[key] for sample in late)
        assert after <= before + slack, f"{key} grew from {before} to {after}"
