"""What betonfs wants to reach, each figure the median of the rounds' ratios."""
import statistics
from dataclasses import dataclass

from reading import OURS, Results


@dataclass(frozen=True)
class Target:
    corpus: str
    case: str      # as in Results
    order: str
    readers: int
    against: str   # a peer, or betonfs itself in another order
    at_least: float
    against_order: str | None = None

    def ratios(self, results: Results) -> list[float]:
        """One of each round that measured both."""
        ours = results.of((self.corpus, self.case, self.order, self.readers), OURS)
        theirs = results.of((self.corpus, self.case, self.against_order or self.order,
                             self.readers), self.against)
        return [ours[number] / theirs[number] for number in sorted(set(ours) & set(theirs))]

    def has_part_in(self, corpus: str, case: str, order: str, readers: int, peer: str) -> bool:
        """Whether measuring this once more makes its median a better one."""
        if (corpus, case, readers) != (self.corpus, self.case, self.readers):
            return False
        return (peer == OURS and order == self.order) or (
            peer == self.against and order == (self.against_order or self.order))


TARGETS = [
    *[Target(corpus, "re-read", "random", readers, "directory", 1.0)
      for corpus in ("S", "L") for readers in (1, 2)],
    Target("S", "first read", "random", 2, "erofs", 1.0),
    Target("S", "first read", "random", 2, "squashfuse_ll", 5),
    Target("L", "first read", "random", 2, "erofs", 0.9),
    Target("L", "first read", "random", 2, "squashfuse_ll", 2.2),
    Target("S", "cold disk", "random", 2, "directory", 25),
    Target("L", "cold disk", "random", 2, "directory", 18),
    *[Target(corpus, "cold disk", "random", 2, peer, at_least)
      for corpus in ("S", "L") for peer, at_least in (("erofs", 8), ("squashfuse_ll", 2.5))],
    *[Target(corpus, "memory a quarter", "random", 2, "betonfs push=off", 0.95)
      for corpus in ("S", "L")],
    *[Target(corpus, "memory a quarter", "quasi", 2, "betonfs", 10, against_order="random")
      for corpus in ("S", "L")],
    Target("S", "scan with stat", "-", 1, "squashfuse_ll", 5),
]
# push=auto is never slower than push=off by more than noise.
TARGETS += [Target(corpus, case, "random", 2, "betonfs push=off", 0.95)
            for corpus in ("S", "L")
            for case in ("first read", "first read, no scan", "cold disk", "cold disk, no scan")]
TARGETS += [Target(corpus, "memory a quarter", "sequential", 2, "betonfs push=off", 0.95)
            for corpus in ("S", "L")]


def rows(results: Results) -> list[dict]:
    """What was reached, for the table and the JSON; targets without a measurement are left out."""
    found = []
    for target in TARGETS:
        ratios = target.ratios(results)
        if not ratios:
            continue
        median = statistics.median(ratios)
        order = f"{target.order} order, " if target.order != "-" else ""
        readers = f"{target.readers} reader{'s' if target.readers > 1 else ''}"
        against = f"own {target.against_order} order" if target.against_order else target.against
        found.append({
            "work": f"{target.corpus}: {target.case}, {order}{readers}", "against": against,
            "at_least": target.at_least, "median": median, "spread": [min(ratios), max(ratios)],
            "rounds": len(ratios), "reached": "yes" if median >= target.at_least else "no"})
    return found
