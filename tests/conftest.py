"""What every Python test has: a temporary directory of its own, and sanitizers whose word is heard."""

import os
import shutil
import tempfile

import pytest

from support import sanitizers


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # pytest's own is shared by all runs, and each closes it to other users as it begins.
    if config.option.basetemp is None:
        own = tempfile.mkdtemp(prefix="betonfs-pytest-")
        config.option.basetemp = own
        config.add_cleanup(lambda: shutil.rmtree(own, ignore_errors=True))
    config.sanitizer_reports = sanitizers.Reports() if os.environ.get("BETONFS_SANITIZE") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A test fails with what a sanitizer said while it ran."""
    outcome = yield
    reports = item.config.sanitizer_reports
    said = reports.take() if reports else ""
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
