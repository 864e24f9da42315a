"""Settings from TOML and the command line to a checked `Config`. Unknown keys are errors that name the nearest key."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from interplay.config.sections import DEFAULT_ENCODERS, PRESETS, Config
from interplay.config.versions import RENAMED, upgrade_config
from interplay.encoders.settings import EncoderConfig
from interplay.errors import ConfigError

DEVICES = {"gpu": "cuda", "nvidia": "cuda", "cuda0": "cuda:0", "cuda1": "cuda:1", "metal": "mps", "apple": "mps"}
"""What devices are called elsewhere."""


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over` laid on top, section by section.

    Args:
        base: nested settings.
        over: nested settings that win.
    """
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


def make_config(settings: dict[str, Any], source: str | Path = "configuration") -> Config:
    """Check settings, laid over their preset.

    Args:
        settings: settings as nested dictionaries.
        source: what they come from, for messages.

    Raises:
        ConfigError: naming every wrong key.
    """
    preset = settings.get("preset", "default")
    base = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    base = merge({"encoders": _default_encoders(base, settings)}, base)
    try:
        return Config.model_validate(merge(base, settings))
    except ValidationError as error:
        raise ConfigError(
            format_validation_error(error, _known_keys), file=source, fix="fix or remove these keys"
        ) from None


def _default_encoders(preset: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The packaged encoders that are not replaced: of one without a model, single keys may be set.

    Those that nothing changes are there too, so that a run's configuration says all that it was trained with.
    """
    given = settings.get("encoders")
    named = {k for k, e in given.items() if not isinstance(e, dict) or "model" in e} if isinstance(given, dict) else ()
    kept = [k for k in DEFAULT_ENCODERS if k not in named and k not in preset.get("encoders", {})]
    return {k: DEFAULT_ENCODERS[k].model_dump(exclude_none=True) for k in kept}


def nested(settings: dict[str, Any], assignments: dict[str, Any]) -> dict[str, Any]:
    """Settings with dotted assignments laid on top.

    Args:
        settings: settings as nested dictionaries.
        assignments: dotted key -> value, as in "training.epochs": 5.
    """
    for key, value in assignments.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        settings = merge(settings, value)
    return settings


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read a TOML file, unchecked; one that a run of an older version wrote has the names of today.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing, not TOML, or was written by a newer version.
    """
    path = Path(path)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", file=path, expected="a TOML configuration") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", file=path, fix="correct that line") from None
    return upgrade_config(settings, path) if "format" in settings else settings


def read_config(path: str | Path) -> Config:
    """Read and check a TOML file that a user wrote.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing, no TOML, or holds an unknown key; of a key that was renamed it says the new name.
    """
    return make_config(read_settings(path), path)


def read_run_config(path: str | Path) -> Config:
    """Read the config.toml of a run folder, whatever version wrote it.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing, damaged, or of a newer version.
    """
    return make_config(upgrade_config(read_settings(path), path), path)


def config_toml(config: Config) -> str:
    """The whole configuration as TOML, every default written out.

    Args:
        config: the configuration.
    """
    return tomli_w.dumps(config.model_dump(exclude_none=True))


def format_validation_error(
    error: ValidationError, known: Callable[[list[str]], list[str]], inside: str | None = None
) -> str:
    """One clause per wrong key; an unknown key comes with the nearest known one.

    Args:
        error: what pydantic found.
        known: section -> its keys.
        inside: the section that all of it is about; the whole configuration if None.
    """
    clauses = []
    for fault in error.errors():
        where = [*([inside] if inside else []), *(str(part) for part in fault["loc"])]
        if fault["type"] != "extra_forbidden":
            whole_section = isinstance(fault["input"], Mapping)  # too long to be read
            got = "" if whole_section else f" (got {fault['input']!r})"
            if where == ["device"]:
                meant = DEVICES.get(str(fault["input"]).lower())
                hint = f"; did you mean {meant}?" if meant else ""
                clauses.append(
                    f"device: there is none called {fault['input']!r}, but auto, cpu, cuda, cuda:1 or mps{hint}"
                )
                continue
            clauses.append(f"{'.'.join(where) or 'configuration'}: {fault['msg']}{got}")
            continue
        near = difflib.get_close_matches(where[-1], known(where[:-1]), n=1)
        path = ".".join(where)
        if path not in RENAMED and not near and not inside and (places := _keys_called(where[-1])):
            clauses.append(f"unknown key {path} (did you mean {' or '.join(places)}?)")
            continue
        if path in RENAMED:
            clauses.append(f"{path} is now {RENAMED[path]}")
            continue
        hint = f"did you mean {'.'.join([*where[:-1], near[0]])}?" if near else "no key is like it"
        clauses.append(f"unknown key {'.'.join(where)} ({hint})")
    return "; ".join(clauses)


def _known_keys(section: list[str]) -> list[str]:
    model: type[BaseModel] = Config
    for name in section:
        if name in model.model_fields:
            annotation = model.model_fields[name].annotation
            model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else EncoderConfig
    return list(model.model_fields)


def _keys_called(name: str) -> list[str]:
    """The keys of all sections that are called so, as they are written: training.epochs."""
    found = []
    for section, field in Config.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel) and name in model.model_fields:
            found.append(f"{section}.{name}")
    return found + [f"encoders.text.{name}"] * (name in EncoderConfig.model_fields)
