"""torchvision's ImageFolder and a DataLoader with workers, unchanged."""

import pytest

torch = pytest.importorskip("torch", reason="python3-torch is not installed")
torchvision = pytest.importorskip("torchvision", reason="python3-torchvision is not installed")

from torch.utils.data import DataLoader  # noqa: E402
from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402


class Numbered(torch.utils.data.Dataset):
    """An ImageFolder that says which sample it gave."""

    def __init__(self, folder):
        self.folder = folder

    def __len__(self):
        return len(self.folder)

    def __getitem__(self, number):
        picture, label = self.folder[number]
        return number, picture, label


def open_folder(root):
    # Pictures differ in size; a batch needs one.
    transform = transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()])
    return ImageFolder(str(root), transform=transform)


def test_finds_the_same_classes_and_files(photographs):
    seen, meant = open_folder(photographs.mount), open_folder(photographs.source)
    assert seen.classes == meant.classes
    assert seen.class_to_idx == meant.class_to_idx
    strip = lambda folder, root: [(path[len(str(root)) :], label) for path, label in folder.samples]
    assert strip(seen, photographs.mount) == strip(meant, photographs.source)


def test_two_epochs_with_two_workers_equal_the_source(photographs):
    meant = open_folder(photographs.source)
    expected = [meant[number] for number in range(len(meant))]
    loader = DataLoader(
        Numbered(open_folder(photographs.mount)), batch_size=8, shuffle=True, num_workers=2
    )
    for epoch in range(2):
        seen = set()
        for numbers, pictures, labels in loader:
            for number, picture, label in zip(numbers.tolist(), pictures, labels.tolist()):
                assert torch.equal(picture, expected[number][0]), (epoch, number)
                assert label == expected[number][1]
                seen.add(number)
        assert seen == set(range(len(expected)))


def test_labels_equal_the_label_field(photographs):
    """What ImageFolder derives from the folders is what FFCV reads from the file."""
    import numpy

    raw = photographs.beton.read_bytes()
    num_fields = int.from_bytes(raw[2:4], "little")
    num_samples = int.from_bytes(raw[8:16], "little")
    # RGBImage then Int: the image's cell takes 13 bytes, the label stands at 16 (numpy's rule).
    row = numpy.dtype({"names": ["label"], "formats": ["<i8"], "offsets": [16], "itemsize": 24})
    rows = numpy.frombuffer(raw, row, num_samples, offset=24 + 1041 * num_fields)
    folder = open_folder(photographs.mount)
    assert num_fields == 2 and num_samples == len(folder)
    # Samples are stored in the order of their sorted paths, which is ImageFolder's order too.
    assert rows["label"].tolist() == [label for _, label in folder.samples]
