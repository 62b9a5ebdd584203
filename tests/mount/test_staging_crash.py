"""kill -9 at any moment: every closed file is there again, and OUT.beton is the old or the new one.

BETONFS_CRASHES says how often each of the two tests kills the daemon (default 12), BETONFS_SEED what
they do until then (default 1)."""

import os
import random
import shutil
import threading
import time

from support.mounts import betonfs, mounted
from support.stage_mounts import contents, staged

CRASHES = int(os.environ.get("BETONFS_CRASHES", "12"))
SEED = int(os.environ.get("BETONFS_SEED", "1"))


class Writer(threading.Thread):
    """Creates, overwrites, renames and removes files until the mount dies.

    `closed` holds what the mount has promised: the contents of each file whose close returned.  The
    one name that was being changed when it died may have either state; `open_name` says which."""

    def __init__(self, root, rng, closed):
        super().__init__()
        self.root, self.rng, self.closed = root, rng, closed
        self.changing = set()

    def run(self):
        try:
            while True:
                self.step()
        except OSError:
            pass

    def step(self):
        name = f"{self.rng.randrange(40)}.bin"
        path = self.root / name
        self.changing = {name}
        kind = self.rng.randrange(10)
        if kind < 7:
            data = self.rng.randbytes(self.rng.choice([0, 100, 12_000, 12_000, 150_000, 1_500_000]))
            with open(path, "wb", buffering=0) as file:
                for at in range(0, len(data), 100_000):
                    file.write(data[at : at + 100_000])
            self.closed[name] = data
        elif kind < 8 and name in self.closed:
            path.unlink()
            del self.closed[name]
        elif name in self.closed:
            other = f"{self.rng.randrange(40)}.bin"
            self.changing = {name, other}
            os.rename(path, self.root / other)
            self.closed[other] = self.closed.pop(name)
        self.changing = set()


def check_promise(root, writer):
    found = {name: (root / name).read_bytes() for name in os.listdir(root)}
    for name in writer.changing:
        found.pop(name, None)
        writer.closed.pop(name, None)
    assert found.keys() == writer.closed.keys()
    for name, data in writer.closed.items():
        assert found[name] == data, name
    # What was half done is settled now.
    for name in os.listdir(root):
        writer.closed[name] = (root / name).read_bytes()


def test_killed_while_files_are_written():
    rng = random.Random(SEED)
    closed = {}
    with staged() as staging:
        for crash in range(CRASHES):
            writer = Writer(staging.point, rng, closed)
            writer.start()
            time.sleep(rng.random() * 0.3)
            staging.kill()
            writer.join()
            staging.mount()
            check_promise(staging.point, writer)
            if crash % 5 == 4:
                staging.commit("--as", "bytes")
                betonfs("check", staging.beton)
        staging.commit("--as", "bytes")
        with mounted(staging.beton) as point:
            assert contents(point) == contents(staging.point)


def test_killed_while_committing():
    rng = random.Random(SEED)
    with staged() as staging:
        for number in range(300):
            (staging.point / f"{number}.bin").write_bytes(rng.randbytes(rng.randrange(20_000)))
        staging.commit("--as", "bytes")
        old = contents(staging.point)
        seconds = 0.05
        for crash in range(CRASHES):
            shutil.rmtree(staging.point / "new", ignore_errors=True)
            (staging.point / "new").mkdir()
            for number in range(20):
                data = rng.randbytes(rng.randrange(40_000))
                (staging.point / "new" / f"{crash}-{number}").write_bytes(data)
                (staging.point / f"{rng.randrange(300)}.bin").write_bytes(data)
            new = contents(staging.point)
            mode = ["--no-compact", "--compact", f"--shuffle={crash}"][crash % 3]
            committing = threading.Thread(
                target=lambda: staging.commit("--as", "bytes", mode, check=False)
            )
            begin = time.monotonic()
            pid_known = staging.pid()
            committing.start()
            time.sleep(rng.random() * seconds)
            assert pid_known
            staging.kill()
            committing.join()
            seconds = max(seconds, (time.monotonic() - begin) / 2)
            betonfs("check", staging.beton)
            with mounted(staging.beton) as point:
                stored = contents(point)
            assert stored in (old, new)
            staging.mount()
            assert contents(staging.point) == new
            old = stored
