"""The README's table of promises names tests; each name must be that of a test that exists."""

import re

import pytest
from support import mounts

README = (mounts.SOURCE_DIR / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## What betonfs promises", 1)[1].split("\n## ", 1)[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.split("\n\n| work")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| promise")
]


def unit_tests():
    """Suite.Name of everything in the C++ sources."""
    pattern = re.compile(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
    names = set()
    for source in (mounts.SOURCE_DIR / "tests").rglob("*_test.cc"):
        names.update(".".join(pair) for pair in pattern.findall(source.read_text("utf-8")))
    return names


def python_tests(file_name):
    found = list((mounts.SOURCE_DIR / "tests").rglob(file_name))
    assert found, f"there is no {file_name}"
    return re.findall(r"^def test_(\w+)\(", found[0].read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("promise,proof", [(row[0], row[1]) for row in ROWS])
def test_every_promise_names_tests_that_exist(promise, proof):
    all_unit_tests = unit_tests()
    current = None
    names = re.findall(r"`([^`]+)`", proof)
    assert names, f"no test for: {promise}"
    for name in names:
        if name.endswith(".py"):
            current = python_tests(name.rsplit("/", 1)[-1])
        elif re.fullmatch(r"[A-Z]\w*\.[\w*]*(\.\.\.)?", name):
            start = name.removesuffix("...").removesuffix("*")
            assert any(test.startswith(start) for test in all_unit_tests), f"no {name}"
        elif "/" in name:
            assert (mounts.SOURCE_DIR / name.split()[0]).exists(), f"no {name}"
        else:
            start = name.removesuffix("...").removesuffix("*")
            assert current and any(test.startswith(start) for test in current), f"no {name}"


def test_the_table_was_found():
    assert len(ROWS) >= 10
