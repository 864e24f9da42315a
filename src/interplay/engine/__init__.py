"""Who does the work of many items: this process one by one, or the workers of a Ray cluster, by the same call."""

from interplay.engine.base import ENGINES, SERIAL, Engine, Serial, open_engine

__all__ = ["ENGINES", "SERIAL", "Engine", "Serial", "open_engine"]
