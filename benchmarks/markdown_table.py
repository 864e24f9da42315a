"""Tables for RESULTS.md."""

from collections.abc import Sequence

from interplay.results.validity import Estimate


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def plus_minus(e: Estimate, digits: int = 3) -> str:
    """Mean over samples ± 1.96 standard errors."""
    if e.mean is None:
        return "–"
    return f"{e.mean:.{digits}f}" + ("" if e.se is None else f" ± {1.96 * e.se:.{digits}f}")
