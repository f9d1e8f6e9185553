"""docs/released_code.md: its snippets run, on a few videos in AVE's layout, and name the estimators' own parameters."""

import re

import h5py
import numpy as np
import pytest
import torch
from documents import code_blocks, read_document

from ave_sklearn import PSPLocalizer
from ave_sklearn.localizers._base import BaseLocalizer
from ave_sklearn.localizers._released import FULL_NAMES, WEAK_NAMES
from ave_sklearn.nn import PSPNet

SNIPPETS = code_blocks(read_document("docs/released_code.md"), "python")
N_CLASSES, N_VIDEOS = 28, 36


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos of noise in AVE's layout and sizes, and weights as the authors name them."""
    path = tmp_path_factory.mktemp("released")
    (path / "AVE_Dataset").mkdir()
    rng = np.random.RandomState(0)
    for name, shape in (("audio", (128,)), ("visual", (7, 7, 512))):
        features = rng.rand(N_VIDEOS, 10, *shape).astype("f4")
        write(path / "AVE_Dataset" / f"{name}_feature.h5", "avadataset", features)
        write(path / "AVE_Dataset" / f"{name}_feature_noisy.h5", "avadataset", features[:2])
    lines = [f"category {i % N_CLASSES:02d}&id{i}&good&{i % 5}&{5 + i % 5}\n" for i in range(N_VIDEOS)]
    (path / "AVE_Dataset" / "Annotations.txt").write_text("".join(lines))
    splits = {"train": range(28), "val": range(28, 32), "test": range(32, 36)}
    for split, rows in splits.items():
        write(path / "AVE_Dataset" / f"{split}_order.h5", "order", np.array(rows))
    for name, supervision, names in (("fully", "full", FULL_NAMES), ("weakly", "weak", WEAK_NAMES)):
        net = PSPNet(128, 512, 29, 49, supervision=supervision, variant="released", hidden_size=256)
        back = {ours: theirs for theirs, ours in names.items()}
        torch.save({renamed(key, back): value for key, value in net.state_dict().items()}, path / f"PSP_{name}.pt")
    return path


def write(file, key, values):
    with h5py.File(file, "w") as opened:
        opened[key] = values


def renamed(key, names):
    ours = next(ours for ours in names if key.startswith(ours + "."))
    return names[ours] + key.removeprefix(ours)


@pytest.fixture(scope="module")
def names(folder):
    """What the snippets make, one behind the other, with trainings of one epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(re.sub(r'(max_epochs"?[=:]) ?\d+', r"\1 1", "\n".join(SNIPPETS)), found := {})
    return found


def estimators(names):
    return {name: value for name, value in names.items() if isinstance(value, BaseLocalizer)}


@pytest.mark.slow
def test_the_snippets_train_read_weights_and_save(names, folder):
    assert names["localizer"].n_iter_ == 1 and (folder / "psp.joblib").exists()
    assert len(names["weak_train"].data) == len(names["train"].data) + 2
    assert list(names["psp"].classes_) == sorted(names["train"].target_names)
    assert names["psp"].tau == 0.099 and names["weak"].tau == 0.095


@pytest.mark.slow
def test_every_system_of_the_page_can_be_fitted(names, videos):
    X, y = videos[0][:8], videos[1][:8].copy()
    y[0] = "background"  # which weak training on categories needs
    unfitted = {name: value for name, value in estimators(names).items() if not hasattr(value, "net_")}
    assert set(unfitted) == {
        "avel", "weak_avel", "cmran", "weak_cmran", "cpsp", "weak_cpsp", "cmbs", "weak_cmbs", "cacenet"
    }  # fmt: skip
    for localizer in unfitted.values():
        localizer.fit(X, y)


def test_psps_recipe_is_that_of_its_docstring():
    (plain,) = (code for code in SNIPPETS if code.startswith("PLAIN"))
    (code,) = (code for code in SNIPPETS if code.startswith("psp = PSPLocalizer(\n"))
    exec("from ave_sklearn import PSPLocalizer\n" + plain + code, found := {})
    said = re.search(r"authors' training recipe is ``(.*?)``", PSPLocalizer.__doc__, flags=re.S)[1]
    recipe = eval(f"dict({' '.join(said.split())})")
    changed = {name: value for name, value in found["psp"].get_params().items() if name in recipe}
    assert changed == recipe
    assert PSPLocalizer(**recipe).get_params() == found["psp"].get_params()
