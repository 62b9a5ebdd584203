"""What every Python test has: a temporary directory of its own, and sanitizers whose word is heard."""

import os
import pathlib
import shutil
import tempfile

import pytest


class SanitizerReports:
    """Where the sanitizers in the programs under test write.  A daemon has no terminal to write to and
    nobody who asks for its exit status, so without this a report would be lost."""

    OPTIONS = ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")

    def __init__(self):
        # Below the build folder, the only one besides its own that the sandbox leaves a daemon.
        parent = pathlib.Path(os.environ["BETONFS_BUILD"]) / "reports"
        parent.mkdir(exist_ok=True)
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=parent))
        self.directory.chmod(0o1777)  # some tests run programs as other users
        for name in self.OPTIONS:
            given = os.environ.get(name)
            path = f"log_path={self.directory}/report"
            os.environ[name] = f"{given}:{path}" if given else path

    def take(self):
        """The reports since the last time, as one text, the oldest first."""
        files = sorted(self.directory.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        text = "\n".join(file.read_text("utf-8", "replace") for file in files)
        for file in files:
            file.unlink()
        return text


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # pytest's own is shared by all runs, and each closes it to other users as it begins.
    if config.option.basetemp is None:
        own = tempfile.mkdtemp(prefix="betonfs-pytest-")
        config.option.basetemp = own
        config.add_cleanup(lambda: shutil.rmtree(own, ignore_errors=True))
    config.sanitizer_reports = SanitizerReports() if os.environ.get("BETONFS_SANITIZE") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test fails with what a sanitizer said while it ran."""
    outcome = yield
    reports = item.config.sanitizer_reports
    said = reports.take() if reports and call.when != "setup" else ""
    if said:
        result = outcome.get_result()
        result.sections.append(("sanitizers", said))
        if result.passed:
            result.outcome = "failed"
            result.longrepr = "A sanitizer said something while the test ran:"


def pytest_sessionfinish(session):
    """Nor may a daemon say something as it ends, after its test."""
    reports = session.config.sanitizer_reports
    if not reports:
        return
    said = reports.take()
    if said:
        print(said)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reports.directory.rmdir()
