"""The reading benchmark: every peer, every order, in interleaved rounds."""
import random
from dataclasses import dataclass, field

from corpora import Corpus
from machine import MemoryGroup, Tools, drop_caches, load
from peers import Peer

OURS = "betonfs"
ORDERS = ("sequential", "random", "quasi")
SLOW_LIMIT_S = 3      # for peers that would take hours
COLD_LIMIT_S = 6
MEMORY_LIMIT_S = 6
LEAST_RESIDENT = 0.98


@dataclass
class Results:
    """(corpus, case, order, readers) -> peer -> round -> files per second."""
    rates: dict = field(default_factory=dict)
    discarded: list = field(default_factory=list)
    loads: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, key: tuple, peer: str, number: int, rate: float) -> None:
        self.rates.setdefault(key, {}).setdefault(peer, {})[number] = rate
        self.loads.append(load())

    def of(self, key: tuple, peer: str) -> dict[int, float]:
        return self.rates.get(key, {}).get(peer, {})

    def discard(self, key: tuple, peer: str, why: str) -> None:
        self.discarded.append({"case": " ".join(map(str, key)), "peer": peer, "why": why})


@dataclass(frozen=True)
class Case:
    """A way to read; `names` are the rows it gives."""
    method: str
    names: tuple[str, ...]
    orders: tuple[str, ...] = ORDERS
    readers: tuple[int, ...] = (1, 2)


CASES = {
    "scan": Case("scan", ("scan with stat",), ("-",), (1,)),
    "cached": Case("cached", ("first read", "re-read")),
    "cached_list": Case("cached_list", ("first read, no scan",), ("random",), (2,)),
    "cold": Case("cold", ("cold disk",)),
    "cold_list": Case("cold_list", ("cold disk, no scan",), ("random", "quasi"), (2,)),
    "memory": Case("memory", ("memory a quarter",), readers=(2,)),
}


def rate(run: dict) -> float:
    return run["files"] / run["seconds"]


class ReadingBench:
    def __init__(self, tools: Tools, corpus: Corpus, peers: list[Peer], results: Results):
        self.tools, self.corpus, self.peers, self.results = tools, corpus, peers, results

    def cell(self, number: int, case: Case, order: str, readers: int, peers: list[Peer]) -> None:
        """One case once for each of the peers, who take turns so that drifts hit all alike."""
        for peer in random.sample(peers, len(peers)):
            with self.tools.lock():
                getattr(self, case.method)(peer, number, order, readers)

    # Each of these mounts afresh and unmounts.

    def scan(self, peer: Peer, number: int, order: str, readers: int) -> None:
        key = (self.corpus.name, "scan with stat", "-", 1)
        peer.warm()
        root = peer.mount()
        try:
            self.results.add(key, peer.name, number, rate(self.tools.read("scan", root)))
        finally:
            peer.unmount()

    def cached(self, peer: Peer, number: int, order: str, readers: int) -> None:
        """First read and re-read, the store in the page cache, after a scan."""
        first = (self.corpus.name, "first read", order, readers)
        again = (self.corpus.name, "re-read", order, readers)
        peer.warm()
        root = peer.mount()
        try:
            self.tools.read("scan", root)
            if not self._store_resident(peer, first):
                return
            limit_s = SLOW_LIMIT_S if peer.slow else 0
            first_rate = rate(self._files(root, order, number, readers, limit_s))
            if not self._store_resident(peer, first):
                return
            self.results.add(first, peer.name, number, first_rate)
            if peer.slow:
                return  # what it did not get to in the time is no re-read
            again_rate = rate(self._files(root, order, number + 100, readers, 0))
            resident = self.tools.read("resident-list", self.corpus.order("sequential", 0),
                                       root)["resident"]
            if resident < LEAST_RESIDENT:
                return self.results.discard(again, peer.name, f"{resident:.3f} resident after")
            self.results.add(again, peer.name, number, again_rate)
        finally:
            peer.unmount()

    def cold(self, peer: Peer, number: int, order: str, readers: int) -> None:
        """Nothing cached but what a scan brings."""
        key = (self.corpus.name, "cold disk", order, readers)
        root = peer.mount()
        try:
            drop_caches()
            self.tools.read("scan", root)
            limit_s = SLOW_LIMIT_S if peer.slow else COLD_LIMIT_S
            self.results.add(key, peer.name, number,
                             rate(self._files(root, order, number, readers, limit_s)))
        finally:
            peer.unmount()

    def cold_list(self, peer: Peer, number: int, order: str, readers: int) -> None:
        """A loader that goes by a list: nothing cached, no scan."""
        key = (self.corpus.name, "cold disk, no scan", order, readers)
        root = peer.mount()
        try:
            drop_caches()
            limit_s = SLOW_LIMIT_S if peer.slow else COLD_LIMIT_S
            self.results.add(key, peer.name, number,
                             rate(self._files(root, order, number, readers, limit_s)))
        finally:
            peer.unmount()

    def cached_list(self, peer: Peer, number: int, order: str, readers: int) -> None:
        key = (self.corpus.name, "first read, no scan", order, readers)
        peer.warm()
        root = peer.mount()
        try:
            limit_s = SLOW_LIMIT_S if peer.slow else 0
            self.results.add(key, peer.name, number,
                             rate(self._files(root, order, number, readers, limit_s)))
        finally:
            peer.unmount()

    def memory(self, peer: Peer, number: int, order: str, readers: int) -> None:
        """Daemon and readers in a memory cgroup of a quarter of the data, starting cold."""
        key = (self.corpus.name, "memory a quarter", order, readers)
        group = MemoryGroup(self.corpus.bytes // 4)
        if group.why_not:
            if group.why_not not in self.results.notes:
                self.results.notes.append(f"memory cases skipped: {group.why_not}")
            return
        root = peer.mount(group)
        try:
            drop_caches()  # what others paid for would be free
            self.tools.read("scan", root, cgroup=group)
            self.results.add(key, peer.name, number,
                             rate(self._files(root, order, number, readers, MEMORY_LIMIT_S, group)))
        finally:
            peer.unmount()
            group.remove()

    def _files(self, root, order, seed, readers, limit_s, group=None) -> dict:
        seed = 0 if order == "sequential" else seed
        return self.tools.read("files", self.corpus.order(order, seed), root, readers, limit_s,
                               cgroup=group)

    def _store_resident(self, peer: Peer, key: tuple) -> bool:
        if peer.stores():
            resident = self.tools.resident(*peer.stores())
        else:
            resident = self.tools.read("resident-list", self.corpus.order("sequential", 0),
                                       self.corpus.source)["resident"]
        if resident >= LEAST_RESIDENT:
            return True
        self.results.discard(key, peer.name, f"{resident:.3f} of the store resident")
        return False
