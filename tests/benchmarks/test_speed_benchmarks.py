"""The benchmarks of speed: what they compare with is the same network, and they run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ave_sklearn import PSPLocalizer
from ave_sklearn._device import multiplies_bfloat16
from ave_sklearn.nn import FullyLoss, PSPNet

pytestmark = pytest.mark.slow  # each test trains or starts a script
PROCESSOR = r"\d+ x .*threads; torch .*"  # the line in front of a table
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return pytest.importorskip("_speed")


@pytest.fixture
def plain(speed):
    return pytest.importorskip("_plain")


@pytest.mark.parametrize("visual_shape", [(3, 4, 5), (5,)], ids=["maps", "pooled"])
def test_plain_network_and_loss_are_the_packages(plain, visual_shape):
    torch.manual_seed(0)
    networks = PSPNet(6, 5, 4, 12 if len(visual_shape) > 1 else None), plain.PlainPSPNet(6, 5, 4, len(visual_shape) > 1)
    networks[1].load_state_dict(networks[0].state_dict())
    audio = torch.randn(7, 10, 6, dtype=torch.float64)
    visual = torch.randn(7, 10, *visual_shape, dtype=torch.float64)
    target = torch.randint(4, (7, 10))
    target[0] = 2  # a video without an event
    outputs = [network.double()(audio, visual) for network in networks]
    criterion = FullyLoss(lam=10, background=2, label_smoothing=0.05)
    losses = criterion(outputs[0], target, torch.ones(7)), plain.plain_loss(outputs[1], target, background=2)
    for name in ("logits", "similarity"):
        assert_same(*(output[name] for output in outputs))
    assert_same(*losses)
    gradients = [gradients_of(loss, network) for loss, network in zip(losses, networks, strict=True)]
    assert all(gradient.abs().max() > 1e-6 for gradient in gradients[0].values())
    assert_same(*gradients)


def gradients_of(loss, network):
    loss.backward()
    return {name: weight.grad for name, weight in network.named_parameters()}


def assert_same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_plain_network_has_nothing_of_the_package():
    code = "import sys, _plain; print([name for name in sys.modules if name.startswith('ave_sklearn')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("case", ["maps", "pooled", "digits"])
def test_plain_loop_has_the_estimators_network(speed, plain, case):
    X, y = speed.make_case(case, 6)
    localizer = PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
    loop = plain.PlainLoop(X, y, batch_size=4)
    loop.network.network.load_state_dict(localizer.net_.module_.network.state_dict())
    loop.network.eval()
    with torch.no_grad():
        outputs = loop.network(*loop.features)
    proba = torch.from_numpy(localizer.predict_proba(X))
    torch.testing.assert_close(outputs["logits"].softmax(-1), proba, rtol=1e-3, atol=1e-4)


def test_products_are_those_of_the_loop(speed, plain):
    loop = plain.PlainLoop(*speed.make_case("maps", 3), batch_size=3)
    shapes = multiplied(speed, loop.predict)
    assert ((3 * 10 * 49, 512), (512, 512)) in shapes  # U of AVGA
    assert ((3, 10, 128), (3, 128, 10)) in shapes  # all pairs of Eq. 1
    assert ((512, 3 * 10 * 49), (3 * 10 * 49, 512)) in multiplied(speed, loop.epoch)


def multiplied(speed, work):
    products = speed.Products(speed.products_of(work), torch.float32).products
    return [(tuple(a.shape), tuple(b.shape)) for a, b, _ in products]


@pytest.mark.parametrize("script", ["bench_fit.py", "bench_predict.py"])
def test_scripts_print_a_table(script):
    command = [sys.executable, BENCHMARKS / script, "--cases", "pooled", "--videos", "8", "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(PROCESSOR + r"\n\n\| features \|", done.stdout)
    rows = [re.split(r" *\| *", line)[1:-1] for line in done.stdout.splitlines() if line.startswith("| pooled")]
    ways = ["plain loop", "ave_sklearn, float32", "ave_sklearn, bfloat16"]
    assert [row[1] for row in rows] == (ways if multiplies_bfloat16(torch.device("cpu")) else ways[:2])
    assert all(float(cell) > 0 for row in rows for cell in row[2:5])


def profile_rows(*options):
    """Return the cells of the two tables that profile_epoch.py prints, without their headings."""
    options = ["--cases", "maps", "--videos", "6", "--batch-size", "3", *options]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "profile_epoch.py", *options], capture_output=True, text=True, check=True
    )
    assert len(re.findall(PROCESSOR + r"\n\n\| (?:part|network) \|", done.stdout)) == 2
    rows = [re.split(r" *\| *", line)[1:-1] for line in done.stdout.splitlines() if line.startswith("|")]
    second = rows.index(["network", "features", "precision", "matrix products, %", "operator calls a step"])
    return rows[2:second], rows[second + 2 :]


def test_profile_says_where_an_epoch_goes(speed):
    parts, calls = profile_rows()
    shares = {row[0]: float(row[1]) for row in parts}
    small = "clipping and AdamW", "dropout masks"  # less than half a per cent may be 0
    assert all(share > 0 for part, share in shares.items() if part not in small), shares
    assert 97 <= sum(shares.values()) <= 103  # rounded
    assert shares["attention over regions, backward"] > shares["LSTMs, forward"]
    assert [row[:3] for row in calls] == [["psp", "maps", name] for name in speed.PRECISIONS]
    assert all(10 < int(row[3]) < 100 and int(row[4]) > 100 for row in calls)


def test_profile_of_another_system(speed):
    parts, calls = profile_rows("--networks", "cmran", "avel")
    n = len(speed.PRECISIONS)
    assert [row[0] for row in calls] == ["cmran"] * n + ["avel"] * n
    shares = {row[0]: [float(cell) for cell in row[1:]] for row in parts}
    assert not any(shares["attention over regions, forward"][:n])  # CMRAN has another attention than AVGA
    assert all(shares["attention over regions, forward"][n:])


class BidirectionalLSTMs(torch.autograd.Function):
    """Calls what PyTorch's own layer calls: its part has its time once."""

    @staticmethod
    def forward(ctx, x, lstm):
        return lstm(x)[0]

    @staticmethod
    def backward(ctx, gradient):
        return gradient.cumsum(1)[..., :5], None


def test_profile_names_the_parts_of_a_function_with_its_own_backward_pass(speed):
    import profile_epoch

    x, lstm = torch.randn(2, 10, 5, requires_grad=True), torch.nn.LSTM(5, 3, bidirectional=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        BidirectionalLSTMs.apply(x, lstm).sum().backward()
    events = {event.name: event for event in profiler.events()}
    microseconds = {part: events[part].cpu_time_total for part in ("BidirectionalLSTMs", "BidirectionalLSTMsBackward")}
    shares = profile_epoch.shares(profiler.events(), seconds=1)
    assert 0 < events["aten::lstm"].cpu_time_total < microseconds["BidirectionalLSTMs"]
    assert shares["LSTMs, forward"] == pytest.approx(microseconds["BidirectionalLSTMs"] / 1e4)
    assert shares["LSTMs, backward"] == pytest.approx(microseconds["BidirectionalLSTMsBackward"] / 1e4)
    assert shares["clipping and AdamW"] == shares["attention over regions, forward"] == 0
    assert sum(shares.values()) == pytest.approx(100)


@pytest.mark.parametrize("case", ["maps", "pooled"])
def test_operator_calls_are_those_of_steps_alone(speed, case):
    import profile_epoch

    X, y = speed.make_case(case, 5)
    counts = [profile_epoch.calls_of_epoch(X, y, "float32", 2, n_batches) for n_batches in (1, 2, 4)]
    a_step = profile_epoch.calls_a_step(X, y, "float32", 2)
    assert counts[1] - counts[0] == a_step and counts[2] - counts[1] == 2 * a_step
    assert 0 < a_step < counts[0]  # an epoch has some of its own


def test_searches_on_files_and_in_memory_agree(speed, tmp_path, monkeypatch, capsys):
    import bench_search

    monkeypatch.setattr(bench_search, "TWELVE", {"lam": [0, 10]})
    files = [tmp_path / "audio.npy", tmp_path / "visual.npy"]
    y = bench_search.write(files, 56)  # two of each event
    bench_search.print_searches(files, y)
    printed = capsys.readouterr().out
    assert "greatest difference of scores: 0.0\n" in printed
    assert printed.startswith(speed.machine())
    rows = [re.split(r" *\| *", line)[1:-1] for line in printed.splitlines()[4:6]]
    assert [row[0] for row in rows] == ["files", "memory"] and all(float(row[1]) > 0 for row in rows)


def test_scaling_measures_in_a_process_of_its_own(speed, tmp_path):
    import bench_scaling

    measured = bench_scaling.measure_apart({"n_videos": 64, "n_segments": 5, "n_regions": 4}, tmp_path)
    assert len(measured) == 5 and all(value > 0 for value in measured.values()), measured
    assert not list(tmp_path.iterdir())
