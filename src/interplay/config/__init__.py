"""The configuration of a run: pydantic models to and from TOML, versioned."""

from interplay.config.reading import (
    config_toml,
    format_validation_error,
    make_config,
    merge,
    nested,
    read_config,
    read_run_config,
    read_settings,
)
from interplay.config.sections import (
    DEFAULT_ENCODERS,
    FILLS,
    MODEL_KINDS,
    PRESETS,
    ROLES,
    Config,
    ExplainConfig,
    Fill,
    FusionConfig,
    Precision,
    Role,
    Section,
)

__all__ = [
    "DEFAULT_ENCODERS",
    "FILLS",
    "MODEL_KINDS",
    "PRESETS",
    "ROLES",
    "Config",
    "ExplainConfig",
    "Fill",
    "FusionConfig",
    "Precision",
    "Role",
    "Section",
    "config_toml",
    "format_validation_error",
    "make_config",
    "merge",
    "nested",
    "read_config",
    "read_run_config",
    "read_settings",
]
