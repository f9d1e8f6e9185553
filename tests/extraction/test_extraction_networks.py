import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from ave_sklearn.extraction import VGG19, VGGish, pca_quantize
from ave_sklearn.extraction._recipe import caffe, imagenet
from ave_sklearn.extraction._weights import ENVIRONMENT_VARIABLE, find_weights, load_network, load_pca_params

VGG19_CONVOLUTIONS = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
VGGISH_CONVOLUTIONS = [0, 3, 6, 8, 11, 13]


def keys(prefix, numbers):
    return [f"{prefix}.{number}.{kind}" for number in numbers for kind in ("weight", "bias")]


def random_state(network_class):
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in network_class().state_dict().items()}
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=generator) * 0.01 for name, shape in shapes.items()}


@pytest.mark.slow
def test_key_names_and_sizes_are_those_of_the_public_networks():
    vgg19, vggish = random_state(VGG19), random_state(VGGish)
    assert list(vgg19) == keys("features", VGG19_CONVOLUTIONS)
    assert list(vggish) == keys("features", VGGISH_CONVOLUTIONS) + keys("embeddings", [0, 2, 4])
    assert sum(value.numel() for value in vgg19.values()) == 20_024_384  # of VGG-19's convolutions
    assert sum(value.numel() for value in vggish.values()) == 72_141_184
    assert vgg19["features.34.weight"].shape == (512, 512, 3, 3)
    assert vggish["embeddings.0.weight"].shape == (4096, 12288)


@pytest.mark.slow
def test_vgg19_layer_by_layer(tmp_path):
    state = random_state(VGG19)
    torch.save(state, tmp_path / "vgg19-0.pth")
    network = load_network("vgg19", tmp_path / "vgg19-0.pth")
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    result = network(x)
    for number in VGG19_CONVOLUTIONS:
        weight, bias = state[f"features.{number}.weight"], state[f"features.{number}.bias"]
        x = functional.conv2d(x, weight, bias, padding=1).clamp(min=0)
        if number in (2, 7, 16, 25, 34):
            x = functional.max_pool2d(x, 2)
    torch.testing.assert_close(result, x)
    assert result.shape == (2, 512, 2, 3)


@pytest.mark.slow
def test_vggish_flattens_channels_last_and_ends_in_a_relu(tmp_path):
    state = random_state(VGGish)
    torch.save(state, tmp_path / "vggish-0.pth")
    network = load_network("vggish", tmp_path / "vggish-0.pth")
    examples = torch.randn(2, 1, 96, 64, generator=torch.Generator().manual_seed(0))
    maps = network.features(examples)
    assert maps.shape == (2, 512, 6, 4)
    flat = torch.stack([maps[:, :, row, column] for row in range(6) for column in range(4)], dim=1).reshape(2, -1)
    for number in (0, 2, 4):
        flat = (flat @ state[f"embeddings.{number}.weight"].T + state[f"embeddings.{number}.bias"]).clamp(min=0)
    torch.testing.assert_close(network(examples), flat)
    assert flat.shape == (2, 128) and (flat == 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_with_more_keys_and_in_either_of_torchs_formats_loads(tmp_path, zipped):
    state = random_state(VGG19)
    file = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save({**state, "classifier.0.weight": torch.zeros(2)}, file, _use_new_zipfile_serialization=zipped)
    network = load_network("vgg19", find_weights("vgg19", tmp_path))
    torch.testing.assert_close(network.features[5].weight, state["features.5.weight"])
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.slow
def test_random_weights_are_the_same_each_time_and_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, second = load_network("vgg19", None), load_network("vgg19", None)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert 0.01 < first(x).std() < 100


class Harmful:
    def __reduce__(self):
        return print, ("code in the file was run",)


def save_pickle(file):
    file.write_bytes(pickle.dumps(Harmful()))


def save_short(file):
    state = random_state(VGG19)
    del state["features.34.bias"]
    torch.save(state, file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("save", "message"),
    [
        (save_short, "lacks 1 of the 32 keys of VGG19, such as 'features.34.bias'"),
        (lambda file: torch.save({"layers.0": torch.zeros(1)}, file), "lacks 32 of the 32 keys"),
        (lambda file: torch.save(random_state(VGG19) | {"features.0.weight": torch.zeros(64, 3)}, file), "got .64, 3."),
        (lambda file: torch.save(random_state(VGG19) | {"features.0.weight": 1.0}, file), "got float"),
        (lambda file: torch.save(torch.zeros(3), file), "holds a Tensor; wanted a state dict"),
        (save_pickle, "is not a state dict"),
        (lambda file: file.write_bytes(b""), "is not a state dict"),
        (lambda file: file.write_bytes(b"weights " * 99), "is not a state dict"),
    ],
)
def test_a_file_that_is_no_state_dict_of_the_network_is_named(tmp_path, save, message, capsys):
    file = tmp_path / "vgg19-1.pth"
    save(file)
    with pytest.raises(ValueError, match=message) as caught:
        load_network("vgg19", file)
    assert str(file) in str(caught.value)
    assert "was run" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["vgg19", "vggish"])
def test_missing_weights_say_where_to_get_them(tmp_path, monkeypatch, name):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    with pytest.raises(FileNotFoundError, match=rf"weights_dir is None and .* AVE_SKLEARN_WEIGHTS .*https://.*{name}-"):
        find_weights(name, None)
    with pytest.raises(FileNotFoundError, match=rf"has no file {name}-.*https://"):
        find_weights(name, tmp_path)


def test_the_environment_names_the_folder_of_the_weights(tmp_path, monkeypatch):
    (tmp_path / "vggish-10086976.pth").touch()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    assert find_weights("vggish", None) == tmp_path / "vggish-10086976.pth"


def test_two_files_of_weights_are_ambiguous(tmp_path):
    for name in ("vgg19-a.pth", "vgg19-b.pth", "vgg19_bn-c.pth"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="several files vgg19-.*: vgg19-a.pth, vgg19-b.pth; wanted one"):
        find_weights("vgg19", tmp_path)


# ------------------------------------------------------------ preprocessing
def test_imagenet_preprocessing_of_one_colour():
    colour = torch.tensor([255.0, 0, 51])[None, :, None, None].expand(1, 3, 2, 2)
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(imagenet(colour)[0, :, 1, 0], expected, rtol=1e-6)


def test_caffe_preprocessing_of_one_colour():
    colour = torch.tensor([255.0, 0, 51])[None, :, None, None].expand(1, 3, 2, 2)
    np.testing.assert_allclose(caffe(colour)[0, :, 0, 1], [51 - 103.939, 0 - 116.779, 255 - 123.68], rtol=1e-6)


# ---------------------------------------------------------------------- PCA
def pca_by_loop(embedding, eigen_vectors, means):
    result = []
    for row in eigen_vectors:
        value = sum(row[i] * (embedding[i] - means[i]) for i in range(128))
        result.append(round((min(max(value, -2), 2) + 2) * 255 / 4))
    return result


def test_pca_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    embeddings, eigen_vectors = rng.normal(size=(3, 128)), rng.normal(size=(128, 128)) / 8
    means = rng.normal(size=128)
    quantized = pca_quantize(embeddings, eigen_vectors, means)
    assert quantized.dtype == np.float32 and quantized.min() == 0 and quantized.max() == 255
    for embedding, row in zip(embeddings, quantized, strict=True):
        assert row.tolist() == pca_by_loop(embedding, eigen_vectors, means)


@pytest.mark.parametrize("suffix", ["npz", "pth"])
def test_pca_files_of_both_kinds(tmp_path, suffix):
    values = {"pca_eigen_vectors": np.arange(128.0**2).reshape(128, 128), "pca_means": np.arange(128.0)[:, None]}
    file = tmp_path / f"vggish_pca_params.{suffix}"
    if suffix == "npz":
        np.savez(file, **values)
    else:
        torch.save({name: torch.from_numpy(value) for name, value in values.items()}, file)
    eigen_vectors, means = load_pca_params(file)
    np.testing.assert_array_equal(eigen_vectors, values["pca_eigen_vectors"])
    np.testing.assert_array_equal(means, np.arange(128.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pca_means": np.zeros(128)}, "must hold pca_eigen_vectors and pca_means"),
        ({"pca_eigen_vectors": np.zeros((128, 64)), "pca_means": np.zeros(128)}, r"got \(128, 64\) and \(128,\)"),
    ],
)
def test_wrong_pca_files_are_named(tmp_path, values, message):
    file = tmp_path / "pca.npz"
    np.savez(file, **values)
    with pytest.raises(ValueError, match=message) as caught:
        load_pca_params(file)
    assert str(file) in str(caught.value)


def test_pca_file_that_is_missing_or_no_npz(tmp_path):
    with pytest.raises(FileNotFoundError, match="pca_params: there is no file"):
        load_pca_params(tmp_path / "pca.npz")
    (tmp_path / "pca.npz").write_text("text")
    with pytest.raises(ValueError, match="is not a NumPy .npz"):
        load_pca_params(tmp_path / "pca.npz")
