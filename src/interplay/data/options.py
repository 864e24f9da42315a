"""The options of a dataset's reader: a small model each, checked as the configuration is."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from interplay.config import format_validation_error
from interplay.data.sample import Options
from interplay.errors import ConfigError


class ReaderOptions(BaseModel):
    """Base of every layout's options, and all there is of a layout that has none: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Chosen = TypeVar("Chosen", bound=ReaderOptions)


def parse_options(model: type[Chosen], options: Options | None, layout: str) -> Chosen:
    """Check the options of a layout, defaults filled in.

    Args:
        model: the class of the layout's options.
        options: key -> value, as given; none if None.
        layout: the layout's name, for messages.

    Raises:
        ConfigError: naming every wrong key.
    """
    try:
        return model.model_validate(dict(options or {}))
    except ValidationError as error:
        known = list(model.model_fields)
        raise ConfigError(
            format_validation_error(error, lambda _: known, inside="data"),
            expected=f"options of the layout {layout!r}: {', '.join(f'data.{key}' for key in known) or 'it has none'}",
            fix="fix or remove these keys",
        ) from None
