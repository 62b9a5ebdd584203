"""Orders: lists that the mount makes, and lists it is given."""

import pytest

from support import mounts

NUM_FILES = 400


@pytest.fixture(name="mounted")
def fixture_mounted(tmp_path):
    source = tmp_path / "source"
    for i in range(NUM_FILES):
        path = source / f"c{i % 4}" / f"{i:04}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i % 251]) * (1000 + i))
    mounts.betonfs("pack", "--as", "bytes", source, tmp_path / "d.beton")
    with mounts.mounted(tmp_path / "d.beton") as point:
        yield source, point


def names(source):
    return sorted(str(p.relative_to(source)) for p in source.rglob("*.bin"))


@pytest.mark.parametrize("kind", ["sequential", "random", "quasi"])
def test_an_order_names_every_file_once_and_the_same_each_time(mounted, kind):
    source, point = mounted
    path = point / ".betonfs" / "order" / f"{kind}-7-0.txt"
    lines = path.read_text().splitlines()
    assert sorted(lines) == names(source)
    assert path.read_text().splitlines() == lines
    if kind != "sequential":
        assert lines != sorted(lines)
        assert (path.parent / f"{kind}-7-1.txt").read_text().splitlines() != lines


def test_ranks_share_an_epoch_out(mounted):
    source, point = mounted
    seen = []
    for rank in range(3):
        text = (point / ".betonfs" / "order" / f"random-1-2-{rank}of3.txt").read_text()
        seen += text.splitlines()
    assert sorted(seen) == names(source)


def test_a_list_of_ones_own_is_taken_and_changes_no_byte(mounted, tmp_path):
    source, point = mounted
    wanted = names(source)[::-3]
    (tmp_path / "list").write_text("\n".join(wanted) + "\n")
    mounts.betonfs("order", point, tmp_path / "list")
    for name in wanted:
        assert (point / name).read_bytes() == (source / name).read_bytes()


def test_a_list_that_names_what_is_not_there_is_refused_with_its_line(mounted, tmp_path):
    source, point = mounted
    (tmp_path / "list").write_text(f"{names(source)[0]}\nno/such.bin\n")
    done = mounts.betonfs("order", point, tmp_path / "list", check=False)
    assert done.returncode == 4
    assert "line 2" in done.stderr and "no/such.bin" in done.stderr


def test_only_a_mount_of_ours_takes_an_order(tmp_path):
    (tmp_path / "list").write_text("a\n")
    done = mounts.betonfs("order", tmp_path, tmp_path / "list", check=False)
    assert done.returncode == 2
    assert "not a mount of betonfs" in done.stderr
