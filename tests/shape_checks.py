"""What checks shapes and types in signatures while the tests run."""

from collections.abc import Callable

from beartype import beartype


def checked(function: Callable) -> Callable:
    """Check a function of a module or class. One that a function defines would be compiled anew at each call of it."""
    return function if "<locals>" in function.__qualname__ else beartype(function)
