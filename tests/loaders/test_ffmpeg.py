"""ffmpeg reads a mounted folder as an image sequence."""

import shutil

import pytest
from support import mounts, pictures

pytest.importorskip("PIL", reason="python3-pil is not installed")
pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

NUM_FRAMES = 30


def frame_md5(folder):
    return mounts.run(
        "ffmpeg", "-loglevel", "error", "-i", folder / "%08d.jpg", "-f", "framemd5", "-"
    ).stdout


def test_a_packed_sequence_gives_the_same_frames(tmp_path):
    source = tmp_path / "frames"
    source.mkdir()
    for number in range(NUM_FRAMES):
        pictures.noise_picture(number, 96, 64).save(source / f"{number:08}.jpg", quality=90)
    mounts.betonfs("pack", source, tmp_path / "frames.beton")
    with mounts.mounted(tmp_path / "frames.beton") as mount:
        seen = frame_md5(mount)
        assert seen == frame_md5(source)
        frames = [line for line in seen.splitlines() if not line.startswith("#")]
        assert len(frames) == NUM_FRAMES
        assert len({line.split(",")[-1] for line in frames}) == NUM_FRAMES


@pytest.mark.skipif(
    not mounts.FIXTURES.is_dir(), reason=f"no FFCV fixtures in {mounts.FIXTURES}"
)
def test_a_file_written_by_ffcv_is_a_sequence_by_its_numbers(tmp_path):
    with mounts.mounted(mounts.FIXTURES / "rgb_raw_const.beton", options="tree=flat") as mount:
        count = len(list(mount.iterdir()))
        done = mounts.run(
            "ffmpeg", "-loglevel", "error", "-i", mount / "%08d.ppm", "-f", "framemd5", "-"
        )
        frames = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        assert len(frames) == count
