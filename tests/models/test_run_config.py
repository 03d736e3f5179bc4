"""Configurations of runs: files, assignments, hashes, and their errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.errors import ConfigError
from hwsim.models.pruning import METHODS, RULES
from hwsim.models.runs import config, settings
from hwsim.models.runs.table import table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "unknown field sed; did you mean seed?"),
        ("[training]\nrates = 1.0", "unknown field training.rates; did you mean rate?"),
        ("[nonsense]\nx = 1", "unknown field nonsense; known are seed, task"),
        ('seed = "one"', 'seed is "one"; it must be a whole number'),
        ("seed = 1.5", "seed is 1.5; it must be a whole number"),
        ("seed = true", "seed is true; it must be a whole number"),
        ("seed = -1", "seed is -1; it lies in 0..4294967295"),
        ("training = 3", "training is 3; it is a section of fields"),
        ("[training]\nrate = inf", "training.rate is Infinity; it lies in 0..10"),
        ("[training]\nrate = nan", "training.rate is NaN; it lies in 0..10"),
        ("[training]\nepochs = 0", "training.epochs is 0; it lies in 1..100000"),
        ("[training]\nbatch = 2\nshards = 3", "training.shards is 3; a batch has 2"),
        ('[model]\nweights = "int2"', 'model.weights is "int2"; choose one of ternary, int4, int8'),
        ("[model]\ninner_norms = 1", "model.inner_norms is 1; it must be true or false"),
        ("[model]\nheads = 3", "model.heads is 3; width / heads"),
        ("[model]\nwidth = 24", "model.width is 24; choose one of (16, 32"),
        ('[pruning]\nmethod = "magic"', 'pruning.method is "magic"; choose one of none, gradual'),
        ('[pruning]\nrewind = "step:x"', 'pruning.rewind is "step:x"; write init, step:K or rate:K'),
        ("[pruning]\nstart = 0.9", "pruning.start is 0.9; it lies below pruning.end, 0.7"),
        (
            '[pruning]\nmethod = "gradual"\ndensity = 1.0',
            "pruning.density is 1; gradual pruning needs one below",
        ),
        ('[model]\nkind = "float_dot"\n[pruning]\nmethod = "gradual"', "a float_dot model takes none"),
        ("seed = \n", "Invalid value (at line 1"),
    ],
)
def test_a_bad_configuration_is_one_error_that_names_file_field_value_and_fix(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        config.load(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.yaml", b"seed: [1", "flow sequence"),
        ("bad.yml", b"seed: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("bad.yaml", b"seed: 1\nseed: 2", "seed stands twice in one table"),
        ("bad.json", b'{"training": {"rate": 1, "rate": 2}}', "rate stands twice in one table"),
        ("bad.yaml", b"- 1", "a configuration is a table of fields"),
        ("bad.yaml", b"1: 2", "unknown field 1"),
        ("bad.yaml", b"training:\n", "training is null; it is a section of fields"),
        ("bad.yaml", b"seed: &a [*a]", "seed is a list; it must be a whole number"),
        (
            "bad.json",
            b'{"training": {"rate": 1' + b"0" * 400 + b"}}",
            "training.rate is Infinity; it lies in",
        ),
        ("bad.json", b"[" * 100_000, "nested too deeply"),
        ("bad.toml", b"seed = 1" + b"0" * 5000, "Exceeds the limit"),
        ("bad.json", b"{", "Expecting property name"),
        ("bad.toml", b"\xff", "not UTF-8 text"),
        ("bad.ini", b"", "a configuration ends in .toml, .yaml"),
    ],
)
def test_a_broken_file_is_one_error(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        config.load(path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said


def test_a_missing_file_lists_what_is_shipped(tmp_path):
    with pytest.raises(ConfigError, match=r"no such file; .*tiny"):
        config.load(tmp_path / "absent.toml")
    assert config.load("tiny").task.name == "toy"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.rate", "write --set section.field=value"),
        ("=3", "write --set section.field=value"),
        ("seed.x=3", "seed is a field, not a section"),
        ("training.rate=fast", '--set training.rate=fast: training.rate is "fast"; it must be a number'),
        ("training.rat=1", "--set training.rat=1: unknown field training.rat; did you mean rate?"),
        ("model.width=33", "--set model.width=33: model.width is 33; choose one of"),
    ],
)
def test_a_bad_assignment_is_one_error(tmp_path, assignment, message):
    path = tmp_path / "empty.toml"
    path.write_text("seed = 1")
    with pytest.raises(ConfigError) as error:
        config.load(path, [assignment])
    assert message in str(error.value)


def test_an_assignment_is_not_blamed_for_the_file(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text("[training]\nrat = 1")
    with pytest.raises(ConfigError, match=r"^(?!--set).*wrong\.toml: unknown field training\.rat"):
        config.load(path, ["seed=3"])
    path.write_text("[training]\nrate = 'fast'")
    assert config.load(path, ["training.rate=0.1"]).training.rate == 0.1


def test_assignments_win_and_later_ones_win_over_earlier(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text("[training]\nrate = 1.0")
    found = config.load(
        path, ["training.rate=1e-3", "training.rate=2", "task.folder=a b", "run.tensorboard=false"]
    )
    assert (found.training.rate, found.task.folder, found.run.tensorboard) == (2.0, "a b", False)


def test_the_hash_is_of_values_and_not_of_their_spelling(tmp_path):
    texts = {
        "a.toml": "seed = 3\n[training]\nrate = 1\nepochs = 8\n",
        "b.yaml": "training: {rate: 1.0}\nseed: 3\n",
        "c.json": '{"run": {"folder": "elsewhere", "device": "cpu"}, "seed": 3, "training": {"rate": 1}}',
    }
    digests = set()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        digests.add(config.load(tmp_path / name).digest())
    assert len(digests) == 1
    assert config.load(tmp_path / "a.toml", ["seed=4"]).digest() not in digests
    # A written configuration reads back as itself.
    (tmp_path / "again.toml").write_text(config.load(tmp_path / "b.yaml").to_toml())
    assert config.load(tmp_path / "again.toml") == config.load(tmp_path / "b.yaml")


def test_choices_named_without_importing_torch_are_those_there_are():
    assert set(config.RULES) == set(RULES)
    assert set(config.METHODS) - {"none"} <= set(METHODS)


def test_the_documented_table_is_the_dataclasses():
    assert table() in (ROOT / "docs" / "runs.md").read_text()


def test_configurations_are_read_without_torch_and_yaml_is_optional():
    code = (
        "import sys; sys.modules['yaml'] = None\n"
        "from hwsim.models.runs import config, settings\n"
        "config.load('tiny')\n"
        "assert 'torch' not in sys.modules\n"
        "try: settings._yaml('a: 1')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("MissingToolError a YAML configuration needs PyYAML: pip install")


# A run, its folder and its records


def test_settings_describe_every_field_with_its_meaning():
    described = list(settings.describe(config.RunConfig))
    assert len({line.name for line in described}) == len(described) > 30
    assert all(line.help and line.values for line in described)
