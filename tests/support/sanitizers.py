"""The sanitizers in the programs under test: what they are told, and what they say."""

import os
import pathlib
import tempfile


def with_option(option):
    """The environment variables of the sanitizers, with one more option."""
    names = ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")
    return {name: ":".join(filter(None, [os.environ.get(name), option])) for name in names}


class Reports:
    """Where the sanitizers in the programs under test write.  A daemon has no terminal to write to and
    nobody who asks for its exit status, so without this a report would be lost."""

    def __init__(self):
        # Below the build folder, the only one besides its own that the sandbox leaves a daemon.
        parent = pathlib.Path(os.environ["BETONFS_BUILD"]) / "reports"
        parent.mkdir(exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=parent))
        self.directory.chmod(0o1777)  # some tests run programs as other users
        os.environ.update(with_option(f"log_path={self.directory}/report"))

    def take(self):
        """The reports since the last time, as one text, the oldest first."""
        files = sorted(self.directory.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        text = "\n".join(file.read_text("utf-8", "replace") for file in files)
        for file in files:
            file.unlink()
        return text
