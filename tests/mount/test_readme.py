"""The examples of README.md run as they stand, in order, in one directory.

A block that cannot run has a comment `<!-- not run: why -->` on the line before it."""

import os
import re
import shutil
import subprocess

import pytest
from support import mounts

README = mounts.SOURCE_DIR / "README.md"
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(sh|python)\n(.*?)^```$", re.M | re.S)


def blocks():
    """(line number, language, text) of the blocks that run."""
    text = README.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match.group(1) is None:
            line = text[: match.start()].count("\n") + 1
            yield line, match.group(2), match.group(3)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with what the README starts from: photos/ and train.beton, and betonfs in PATH."""
    pictures = pytest.importorskip("support.pictures", reason="needs python3-pil and numpy")
    work = tmp_path_factory.mktemp("readme")
    pictures.write_class_folders(work / "photos")
    (work / "mnt").mkdir()
    (work / "bin").mkdir()
    (work / "bin" / "betonfs").symlink_to(mounts.BETONFS)
    if mounts.FIXTURES.is_dir():
        shutil.copy(mounts.FIXTURES / "mix_a.beton", work / "train.beton")
    yield work
    if mounts.is_mounted(work / "mnt"):
        mounts.run("fusermount3", "-uz", work / "mnt", check=False)


def needs_what_is_missing(language, text):
    """Why this machine cannot run the block; None if it can."""
    if "train.beton" in text and not mounts.FIXTURES.is_dir():
        return "no FFCV fixtures"
    if "ffmpeg" in text and shutil.which("ffmpeg") is None:
        return "ffmpeg is not installed"
    if language == "python":
        for module in set(re.findall(r"^(?:import|from) (\w+)", text, re.M)):
            if mounts.run("/usr/bin/python3", "-c", f"import {module}", check=False).returncode:
                return f"python3 has no {module}"
    return None


def test_there_are_blocks_to_run():
    found = list(blocks())
    assert sum(language == "sh" for _, language, _ in found) >= 10
    assert sum(language == "python" for _, language, _ in found) >= 3


def test_the_examples_run(place):
    environment = dict(os.environ, PATH=f"{place / 'bin'}:{os.environ['PATH']}")
    skipped = []
    for line, language, text in blocks():
        missing = needs_what_is_missing(language, text)
        if missing:
            skipped.append(f"line {line}: {missing}")
            continue
        command = ["bash", "-euo", "pipefail"] if language == "sh" else ["/usr/bin/python3"]
        done = subprocess.run(
            [*command, "-c", text],
            stdin=subprocess.DEVNULL,
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"README.md:{line}:\n{text}\n{done.stdout}\n{done.stderr}"
    assert not mounts.is_mounted(place / "mnt"), "the last example leaves its mount behind"
    print("not run here:", skipped)


def test_exit_status_table_is_that_of_the_program():
    header = (mounts.SOURCE_DIR / "tools" / "exit_codes.h").read_text(encoding="utf-8")
    codes = {int(code) for code in re.findall(r"= (\d+),", header)}
    section = README.read_text(encoding="utf-8").split("### Exit status")[1].split("\n## ")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.M)} == codes


def test_every_linked_file_exists():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (mounts.SOURCE_DIR / target).exists(), target
