"""Every test here mounts for real."""

import os

import pytest


def pytest_collection_modifyitems(items):
    if os.access("/dev/fuse", os.R_OK | os.W_OK):
        return
    for item in items:
        if "install" not in item.nodeid:
            item.add_marker(pytest.mark.skip(reason="no /dev/fuse that this user may open"))
