"""Threads that read a mount while a test does something to it."""

import pathlib
import threading
import time

from support import mounts


class Readers:
    """Threads that read all the time.  A read gives the right bytes or one of `allowed`."""

    def __init__(self, corpus, point, allowed, count=4):
        self.stop = threading.Event()
        self.num_good = 0
        self.num_failures = 0
        self.first_failure = None
        self.wrong = []
        self.threads = [
            threading.Thread(target=self._read, args=(corpus, pathlib.Path(point), allowed, i))
            for i in range(count)
        ]

    def _read(self, corpus, point, allowed, start):
        paths = list(corpus.contents)
        turn = start * 37
        while not self.stop.is_set():
            path = paths[turn % len(paths)]
            turn += 1
            try:
                got = (point / path).read_bytes()
            except OSError as error:
                if error.errno in allowed:
                    self.num_failures += 1
                    self.first_failure = self.first_failure or (path, error)
                    time.sleep(0.005)  # readers of nothing leave the processors to the next mount
                else:
                    self.wrong.append((path, error))
                continue
            if got == corpus.contents[path]:
                self.num_good += 1
            else:
                self.wrong.append((path, "wrong bytes"))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        mounts.wait_until(lambda: self.num_good > 20, "readers at work")
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=300)
        assert not any(thread.is_alive() for thread in self.threads), "a reader hangs"
        assert not self.wrong, self.wrong[:5]
