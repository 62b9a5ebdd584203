"""What betonfs is compared with: each makes an image of a corpus, mounts it and unmounts it."""
import os
import subprocess
import time
import zipfile
from pathlib import Path

from corpora import Corpus
from machine import MemoryGroup, Tools, warm, which


def run(*command, **kwargs) -> None:
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout.strip()[-400:]}")


class Peer:
    """Mounted with `with peer.mounted(...) as root`."""
    name = ""
    needs: tuple[str, ...] = ()
    file_system: str | None = None  # of the kernel
    slow = False                    # measured on as many files as it manages in the time given
    by_name = False                 # measured only when asked for

    def __init__(self, corpus: Corpus, tools: Tools):
        self.corpus, self.tools = corpus, tools
        self.image = corpus.dir / f"image.{self.name}"
        self.mountpoint = corpus.dir / f"mnt.{self.name}"

    def why_not(self) -> str | None:
        missing = [program for program in self.needs if not which(program)]
        if missing:
            return f"{self.name}: {', '.join(missing)} not installed (apt-get install {self.package})"
        if self.file_system:
            if not os.access("/dev/loop-control", os.W_OK):
                return f"{self.name}: no /dev/loop-control"
            if self.file_system not in Path("/proc/filesystems").read_text().split():
                run_quietly("modprobe", self.file_system)
            if self.file_system not in Path("/proc/filesystems").read_text().split():
                return f"{self.name}: the kernel has no {self.file_system}"
        return None

    def make(self) -> None:
        if self.image.exists():
            return
        self.build(self.image)
        subprocess.run(["sync", self.image], check=True)

    def mount(self, cgroup: MemoryGroup | None = None) -> Path:
        self.mountpoint.mkdir(exist_ok=True)
        self.start(cgroup)
        return self.mountpoint

    def unmount(self) -> None:
        run("umount", self.mountpoint)

    def stores(self) -> list[Path]:
        """The files whose residency tells whether the store was cached."""
        return [self.image]

    def warm(self) -> None:
        warm(self.image)

    def start_daemon(self, cgroup, *command) -> None:
        run(*command, preexec_fn=cgroup.enter if cgroup else None)


def run_quietly(*command) -> None:
    try:
        subprocess.run(command, capture_output=True)
    except OSError:
        pass


class Ext4(Peer):
    """The loose files themselves."""
    name = "directory"

    def make(self) -> None:
        pass

    def mount(self, cgroup=None) -> Path:
        return self.corpus.source

    def unmount(self) -> None:
        pass

    def stores(self) -> list[Path]:
        return []

    def warm(self) -> None:
        self.tools.read("files", self.corpus.order("sequential", 0), self.corpus.source, 1, 0)


class LoopMounted(Peer):
    """One of the kernel's own, over a loop device."""

    def start(self, cgroup) -> None:
        run("mount", "-t", self.file_system, "-o", "loop,ro", self.image, self.mountpoint)
        if not cgroup:
            return
        # The image's own page cache belongs to the loop driver's kernel thread: with control groups
        # of version 1 no group pays for it, and all of the image would lie in memory beside the
        # limit.  Without that cache the limit holds for all peers alike.
        source = subprocess.run(["findmnt", "-no", "SOURCE", self.mountpoint], capture_output=True,
                                text=True, check=True).stdout.strip()
        run("losetup", "--direct-io=on", source)


class Erofs(LoopMounted):
    name, package = "erofs", "erofs-utils"
    needs, file_system = ("mkfs.erofs",), "erofs"

    def build(self, image: Path) -> None:
        run("mkfs.erofs", image, self.corpus.source)


class Squashfs(LoopMounted):
    name, package = "squashfs", "squashfs-tools"
    needs, file_system = ("mksquashfs",), "squashfs"

    def build(self, image: Path) -> None:
        run("mksquashfs", self.corpus.source, image, "-noI", "-noD", "-noF", "-noX", "-no-progress",
            "-quiet")


class SquashfuseLl(Peer):
    name, package = "squashfuse_ll", "squashfuse squashfs-tools"
    needs = ("squashfuse_ll", "mksquashfs")

    def __init__(self, corpus, tools):
        super().__init__(corpus, tools)
        self.image = corpus.dir / "image.squashfs"

    def build(self, image: Path) -> None:
        Squashfs.build(self, image)

    def start(self, cgroup) -> None:
        self.start_daemon(cgroup, "squashfuse_ll", self.image, self.mountpoint)


class FuseZip(Peer):
    name, package, needs, slow = "fuse-zip", "fuse-zip", ("fuse-zip",), True

    def build(self, image: Path) -> None:
        with zipfile.ZipFile(image, "w", zipfile.ZIP_STORED) as out:
            for path in self.corpus.sizes:
                out.write(self.corpus.source / path, path)

    def start(self, cgroup) -> None:
        self.start_daemon(cgroup, "fuse-zip", "-r", self.image, self.mountpoint)


class ArchivemountTar(Peer):
    name, package, needs, slow = "archivemount", "archivemount", ("archivemount", "tar"), True

    def build(self, image: Path) -> None:
        run("tar", "cf", image, "-C", self.corpus.source, ".")

    def start(self, cgroup) -> None:
        self.start_daemon(cgroup, "archivemount", "-o", "readonly", self.image, self.mountpoint)


class Betonfs(Peer):
    name = "betonfs"
    options = "push=auto"

    def __init__(self, corpus, tools):
        super().__init__(corpus, tools)
        self.image = corpus.dir / "image.beton"
        self.mountpoint = corpus.dir / f"mnt.{self.name}"

    def build(self, image: Path) -> None:
        run(self.tools.betonfs, "pack", "--as", "bytes", self.corpus.source, image)

    def start(self, cgroup) -> None:
        self.start_daemon(cgroup, self.tools.betonfs, "mount", "-o", self.options, self.image,
                          self.mountpoint)

    def stats(self) -> str:
        return (self.mountpoint / ".betonfs" / "stats").read_text()


class BetonfsOff(Betonfs):
    name, options = "betonfs push=off", "push=off"


class BetonfsPage(Betonfs):
    name, options, by_name = "betonfs push=page", "push=page", True


PEERS = [Betonfs, BetonfsOff, BetonfsPage, Ext4, Erofs, Squashfs, SquashfuseLl, FuseZip,
         ArchivemountTar]


def usable(corpus: Corpus, tools: Tools, names: list[str] | None) -> tuple[list[Peer], list[str]]:
    """The peers that can run here, their images made, and why the others cannot."""
    peers, skipped = [], []
    for kind in PEERS:
        if kind.name not in names if names else kind.by_name:
            continue
        peer = kind(corpus, tools)
        why_not = peer.why_not()
        if why_not:
            skipped.append(why_not)
            continue
        start = time.monotonic()
        peer.make()
        took = time.monotonic() - start
        if took > 1:
            print(f"  {corpus.name}: image for {peer.name} in {took:.1f} s", flush=True)
        peers.append(peer)
    return peers, skipped
