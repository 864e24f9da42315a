"""What a training measured and left beside its model, as JSON."""

from pathlib import Path
from typing import TypeVar

from interplay.files.checksums import check_sum
from interplay.models.origin import damaged
from interplay.results.baselines import Baselines
from interplay.results.calibration import ProbabilityCalibration
from interplay.results.comparison import Comparison
from interplay.results.ensemble import EnsembleScores

Kept = TypeVar("Kept", Baselines, ProbabilityCalibration, Comparison, EnsembleScores)


def read_kept(path: Path, kind: type[Kept]) -> Kept:
    """Read what a training measured and left as JSON.

    Args:
        path: the file.
        kind: what it holds.

    Raises:
        CheckpointError: it is missing, damaged, changed since it was written, or of a newer version.
    """
    check_sum(path.parent, path.name)
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
