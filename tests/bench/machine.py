"""What the benchmarks ask of the machine: clocks, caches, control groups."""
import contextlib
import fcntl
import json
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path


class Tools:
    """The programs under test and the one that reads."""

    def __init__(self, build: Path, lock: str | None):
        self.reader = str(build / "bench_reader")
        self.betonfs = str(build / "betonfs")
        self.null_fuse = str(build / "null_fuse")
        self.synthetic = build / "betonfs_make_synthetic"
        self.lock_path = lock

    @contextlib.contextmanager
    def lock(self):
        """Alone on the machine, as far as others keep to the lock."""
        if not self.lock_path:
            yield
            return
        with open(self.lock_path, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self, *args, cgroup: "MemoryGroup | None" = None) -> dict:
        """One run of bench_reader; what it printed."""
        enter = cgroup.enter if cgroup else None
        done = subprocess.run([self.reader, *map(str, args)], capture_output=True, text=True,
                              preexec_fn=enter)
        if done.returncode != 0:
            raise RuntimeError(f"bench_reader {args[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def resident(self, *paths) -> float:
        return self.read("resident", *paths)["resident"]


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def warm(path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass


def load() -> float:
    return os.getloadavg()[0]


def describe(work: Path) -> dict:
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line]
    memory = {k: v for k, v in (line.split(":") for line in open("/proc/meminfo"))}
    mount = subprocess.run(["findmnt", "-no", "FSTYPE,SOURCE", "-T", work], capture_output=True,
                           text=True).stdout.split()
    return {"cpu": cpu[0] if cpu else platform.machine(), "cores": os.cpu_count(),
            "memory_MiB": int(memory["MemTotal"].split()[0]) // 1024,
            "kernel": platform.release(), "file_system": " on ".join(mount[:2])}


class MemoryGroup:
    """A memory control group of its own, version 1 or 2; `why_not` tells why there is none."""

    def __init__(self, limit_bytes: int):
        self.dir = self.why_not = None
        name = f"betonfs-bench-{os.getpid()}"
        for base, knob in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                           ("/sys/fs/cgroup", "memory.max")):
            directory = Path(base) / name
            if not (Path(base) / "cgroup.procs").exists():
                self.why_not = self.why_not or f"no control groups at {base}"
                continue
            try:
                directory.mkdir()
            except OSError as error:
                self.why_not = f"{error.strerror}: {directory}"
                continue
            try:
                (directory / knob).write_text(str(limit_bytes))
            except OSError as error:
                self.why_not = f"{error.strerror}: {directory / knob}"
                directory.rmdir()
                continue
            self.dir, self.why_not = directory, None
            return

    def enter(self) -> None:
        (self.dir / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self) -> None:
        """Waits for the daemon to be gone, or the next group would find this one in its place."""
        deadline = time.monotonic() + 30
        while self.dir and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.dir.rmdir()
                self.dir = None
            time.sleep(0.01)


def which(program: str) -> bool:
    return shutil.which(program) is not None
