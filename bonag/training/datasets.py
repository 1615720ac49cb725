"""Data sets by name or path."""

from __future__ import annotations

from pathlib import Path

from bonag.data_folder import VARIABLE, named_folder
from bonag.training.arrays import read_npz
from bonag.training.cifar import KINDS, cifar_kind, read_cifar
from bonag.training.idx import holds_idx, read_idx_folder
from bonag.training.images import Dataset, make_dataset, make_images
from bonag.training.pictures import holds_pictures, read_pictures
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

DIGITS, FASHION = "digits", "fashion-mnist"
NAMES = (DIGITS, FASHION, *KINDS)
DEBIAN = Path("/usr/share/datasets")
TEXTS = (".txt", ".md")
FORMS = "a folder of IDX files, of CIFAR's files or of images by class, an archive of CIFAR, or an .npz file"
ADVICE = {
    FASHION: f"install Debian's package dataset-{FASHION}, or put its IDX files into a folder '{FASHION}' of --data or "
    f"{VARIABLE}",
    **{
        kind: f"download {archive} from https://www.cs.toronto.edu/~kriz/cifar.html into the folder of --data or "
        f"{VARIABLE}"
        for kind, (_, archive, _, _, _) in KINDS.items()
    },
}


def load_dataset(name: str, data_dir: Path | None = None, image_size: int | None = None) -> Dataset:
    """The data set of that name or path; raises UserError.

    data_dir: where those that have a name are looked for, by default the folder that BONAG_DATA names, and then the
    one of Debian's packages. image_size: the side to which a folder of image files is brought.
    """
    if name == DIGITS:
        return _load_digits()
    path = find_dataset(name, data_dir)
    kind = cifar_kind(path)
    if kind is not None:
        return make_dataset(_short(name), read_cifar(kind, path), flips=True, num_classes=KINDS[kind][0])
    if path.is_file():
        return make_dataset(_short(name), read_npz(path), flips=False)
    if holds_idx(path):
        # Those of MNIST are digits and letters, as far as is known.
        return make_dataset(_short(name), read_idx_folder(path), flips=FASHION in path.name)
    parts, classes = read_pictures(path, image_size)
    return make_dataset(_short(name), parts, flips=True, num_classes=len(classes))


def find_dataset(name: str, data_dir: Path | None = None) -> Path:
    """Where it is; raises UserError for what is no data set, or not here. ``digits`` has no place."""
    if name in NAMES:
        archive, folder = KINDS[name][1:3] if name in KINDS else (name, name)
        own = named_folder(data_dir)
        for place in [*([own] if own else []), DEBIAN]:
            for path in (place / folder, place / archive):
                if path.exists():
                    return _check(path)
        raise UserError(f"data set '{name}' is not here: {ADVICE[name]}")
    path = Path(name).expanduser()
    if not path.exists():
        raise UserError(f"no data set '{name}': {suggestion(name, NAMES)} (or a path: {FORMS})")
    return _check(path)


def _check(path: Path) -> Path:
    if path.suffix in TEXTS and path.is_file():
        raise UserError(f"{path} is no data set of images but a text, which space 'nlp' is for: give {FORMS}")
    known = path.suffix == ".npz" and path.is_file()
    if not known and cifar_kind(path) is None and not (path.is_dir() and (holds_idx(path) or holds_pictures(path))):
        raise UserError(f"{path} is no data set: give {FORMS}")
    return path


def _load_digits() -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    # From 0 to 16 there.
    pixels = (digits.images * 15.9375).round().astype("uint8")
    return make_dataset(DIGITS, {"train": make_images(pixels, digits.target, DIGITS)}, flips=False)


def _short(name: str) -> str:
    return name if name in NAMES else Path(name).expanduser().resolve().name
