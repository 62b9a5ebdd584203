"""Reading while everything that could disturb a pushed page happens at once: scans, armed orders,
eviction, too little memory, the end of the mount, the end of the file.  Every byte is compared.

BETONFS_DROP_CACHES=1 also drops the caches of the whole machine, for machines that have nothing
else to do (it needs root)."""

import contextlib
import errno
import os
import pathlib
import random
import threading

import pytest
from support import mounts
from support.daemon import Corpus, daemon
from support.memory_group import memory_limit
from support.readers import Readers

NUM_FILES = 1500
NUM_GOOD = 6000  # reads per mount before it ends
GONE = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT, errno.EIO}  # once it is unmounted


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("stress"), num_files=NUM_FILES, largest=30_000)


def scan(corpus, point, chance):
    for directory in {path.split("/")[0] for path in corpus.contents}:
        with os.scandir(point / directory) as entries:
            for entry in entries:
                entry.stat()


def arm(corpus, point, chance):
    kind = chance.choice(("random", "quasi2", "sequential"))
    order = point / ".betonfs" / "order" / f"{kind}-{chance.randrange(100)}-0.txt"
    assert len(order.read_text().splitlines()) == len(corpus.contents)


def evict_files(corpus, point, chance):
    for path in chance.sample(list(corpus.contents), 300):
        forget(point / path)


def evict_store(corpus, point, chance):
    forget(corpus.file)


def drop_caches(corpus, point, chance):
    if os.environ.get("BETONFS_DROP_CACHES") == "1":
        pathlib.Path("/proc/sys/vm/drop_caches").write_text(chance.choice("123"))


def forget(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


class Trouble:
    """A thread that does all of the above in no order, until the mount is gone."""

    KINDS = (scan, arm, evict_files, evict_store, drop_caches)

    def __init__(self, corpus, point, seed):
        self.stop = threading.Event()
        self.wrong = None
        self.thread = threading.Thread(target=self._run, args=(corpus, point, random.Random(seed)))

    def _run(self, corpus, point, chance):
        while not self.stop.is_set():
            try:
                chance.choice(self.KINDS)(corpus, point, chance)
            except OSError as error:
                if error.errno not in GONE:
                    self.wrong = error
            except AssertionError as error:
                self.wrong = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(timeout=300)
        assert not self.thread.is_alive(), "the trouble maker hangs"
        assert self.wrong is None, self.wrong


def figure(point, name):
    for line in (point / ".betonfs" / "stats").read_text().splitlines():
        if line.startswith(name + " "):
            return int(line.split()[1])
    raise KeyError(name)


@pytest.mark.parametrize("options", ["push=page", "push=page,push_budget=1M", "push=auto", "push=off"])
def test_every_byte_is_right_whatever_happens_and_the_end_comes_under_load(corpus, options):
    size_bytes = len(corpus.bytes)
    with memory_limit(size_bytes // 4 + (64 << 20)) as (confine, _), contextlib.ExitStack() as stack:
        mount = stack.enter_context(daemon(corpus.file, options=options))
        if not os.environ.get("BETONFS_SANITIZE"):  # which takes more memory than the group has
            confine(mount.pid)
        scan(corpus, mount.point, None)
        readers = stack.enter_context(Readers(corpus, mount.point, GONE))
        stack.enter_context(Trouble(corpus, mount.point, options))
        mounts.wait_until(lambda: readers.num_good > NUM_GOOD, "readers have read a while")
        if options == "push=page" and not os.environ.get("BETONFS_SANITIZE"):
            assert figure(mount.point, "push_files_total") > 0
        assert not readers.num_failures, readers.first_failure
        assert mount.stop() == 0, mount.log()
        mounts.wait_until(lambda: readers.num_failures, "readers meet the end of the mount")


def test_the_file_is_cut_while_it_is_pushed(tmp_path):
    corpus = Corpus(tmp_path, num_files=600, largest=30_000)
    kept_bytes = len(corpus.bytes) // 3
    with daemon(corpus.file, options="push=page") as mount:
        scan(corpus, mount.point, None)
        with Readers(corpus, mount.point, {errno.EIO}) as readers, Trouble(corpus, mount.point, 1):
            os.truncate(corpus.file, kept_bytes)
            mounts.wait_until(lambda: readers.num_failures > 100, "readers meet the cut")
        assert mount.is_alive()
        evict_files(corpus, mount.point, random.Random(1))
        failed = corpus.compare(mount.point, may_fail=lambda path: True)
        assert failed, "what is cut off cannot all be cached still"
        assert mount.stop() == 0
