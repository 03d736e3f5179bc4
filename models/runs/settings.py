"""Configuration files checked field by field against dataclasses; the same dataclasses write the help.

A field is made by `setting`, which says what it means and which values it takes. Whatever is wrong with
a file is one ConfigError that names the file, the field, the value and what to write instead.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import json
import math
import tomllib
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hwsim.errors import ConfigError, MissingToolError

Config = TypeVar("Config")
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def setting(
    default: Any, help: str, *, low: float | None = None, high: float | None = None, choices: Any = ()
) -> Any:
    """A dataclass field with its meaning and its range, both ends included (a list: of its elements)."""
    metadata = {"help": help, "low": low, "high": high, "choices": tuple(choices)}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(path: Path) -> dict[str, Any]:
    """The table in a .toml, .yaml, .yml or .json file. Raises ConfigError naming the file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error})") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        values = _parsers()[path.suffix](text)
    except KeyError:
        raise ConfigError(f"{path}: a configuration ends in {', '.join(_parsers())}") from None
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds {_shown(values)}; a configuration is a table of fields")
    return values


def _parsers() -> dict[str, Any]:
    return {".toml": tomllib.loads, ".yaml": _yaml, ".yml": _yaml, ".json": _json}


def _once(keys: list[Any]) -> None:
    """TOML refuses a key that stands twice; the other formats let the last one win."""
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{key} stands twice in one table")


def _json(text: str) -> Any:
    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _once([key for key, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=table)


def _yaml(text: str) -> Any:
    """Safe loading only: a tag that would build a Python object is refused like any other mistake."""
    try:
        import yaml
    except ImportError as error:
        raise MissingToolError(
            "a YAML configuration needs PyYAML: pip install 'hwsim[train]', or write TOML"
        ) from error

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            _once([key.value for key, _ in node.value])
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader) or {}
    except yaml.YAMLError as error:
        # The message goes over several lines; an error of ours is one.
        raise ValueError(" ".join(str(error).split())) from error


def override(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """A copy of `values` with `section.field=value` assignments made, the last of equals winning."""
    changed = copy.deepcopy(values)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set {assignment}: write --set section.field=value")
        *sections, last = name.strip().split(".")
        table = changed
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {assignment}: {section} is a field, not a section")
        table[last] = _value(text.strip())
    return changed


def load(kind: type[Config], path: Path, values: dict[str, Any], assignments: Sequence[str]) -> Config:
    """`kind` from what a file holds and `--set` assignments; an error names the one that is at fault."""
    changed = override(values, assignments)
    try:
        return build(kind, changed, str(path))
    except ConfigError:
        if not assignments:
            raise
    # Is it the file's own fault, whatever was assigned?
    build(kind, values, str(path))
    return build(kind, changed, " ".join(f"--set {assignment}" for assignment in assignments))


def _value(text: str) -> Any:
    """What TOML reads there; anything else is text, for which a command line needs no second quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def build(kind: type[Config], values: Any, where: str, name: str = "") -> Config:
    """`kind` from a table, sections from tables in it. where: the file, for the message of an error."""
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: {name} is {_shown(values)}; it is a section of fields")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    types = typing.get_type_hints(kind)
    for key in values:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(fields)}"
            raise ConfigError(f"{where}: unknown field {_join(name, str(key))}; {hint}")
    made: dict[str, Any] = {}
    for key, value in values.items():
        made[key] = _made(types[key], value, fields[key].metadata, where, _join(name, key))
    try:
        return kind(**made)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _made(kind: Any, value: Any, allowed: Any, where: str, name: str) -> Any:
    """A value: a section, a list (`tuple[kind, ...]`), named values (`dict[str, kind]`), or a scalar."""
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, where, name)
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: {name} is {_shown(value)}; it must be a list")
        return tuple(_made(inner[0], v, allowed, where, f"{name}[{i}]") for i, v in enumerate(value))
    if typing.get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: {name} is {_shown(value)}; it is a section of named values")
        return {key: _made(inner[1], v, allowed, where, _join(name, key)) for key, v in value.items()}
    return _checked(value, kind, allowed, f"{where}: {name}")


def _join(section: str, field: str) -> str:
    return f"{section}.{field}" if section else field


def _shown(value: Any) -> str:
    """A value as a configuration writes it, cut where it is long."""
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, RecursionError):  # a list that holds itself, a number of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _checked(value: Any, kind: Any, allowed: Any, what: str) -> Any:
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 1e300 else math.inf
    if type(value) is not kind:
        raise ConfigError(f"{what} is {_shown(value)}; it must be {KINDS[kind]}")
    if allowed["choices"] and value not in allowed["choices"]:
        raise ConfigError(f"{what} is {_shown(value)}; choose one of {', '.join(allowed['choices'])}")
    if kind in (int, float):
        low, high = allowed["low"], allowed["high"]
        if (
            not math.isfinite(value)
            or (low is not None and value < low)
            or (high is not None and value > high)
        ):
            raise ConfigError(f"{what} is {_shown(value)}; it lies in {_range(low, high)}")
    return value


def _range(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low} or more" if low is not None else "the finite numbers"
    return f"{low}..{high}"


@dataclasses.dataclass(frozen=True)
class Line:
    """What the help says about one field."""

    name: str
    default: str
    values: str
    help: str


def describe(kind: type, prefix: str = "") -> Iterator[Line]:
    """Every field of a configuration, sections opened, in order."""
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = _join(prefix, field.name)
        if dataclasses.is_dataclass(types[field.name]):
            yield from describe(typing.cast(type, types[field.name]), name)
            continue
        allowed = field.metadata
        values = KINDS[types[field.name]]
        if allowed["choices"]:
            values = ", ".join(allowed["choices"])
        elif allowed["low"] is not None:
            values = _range(allowed["low"], allowed["high"])
        yield Line(name, json.dumps(field.default), values, allowed["help"])


def to_toml(values: dict[str, Any]) -> str:
    """Scalars, then one table a section: as much TOML as a configuration needs."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, section in values.items():
        if isinstance(section, dict):
            lines += ["", f"[{key}]", *(f"{name} = {json.dumps(value)}" for name, value in section.items())]
    return "\n".join(lines).strip() + "\n"
