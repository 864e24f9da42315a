"""Who does the work of many items: this process one by one, or the workers of a Ray cluster, by the same call."""

from interplay.engine.base import SERIAL, Engine, Serial, open_engine

__all__ = ["SERIAL", "Engine", "Serial", "open_engine"]
