"""Files: written whole or not at all; of a version that is upgraded or refused; and what makes a run finished."""

from interplay.files.locking import only_writer
from interplay.files.writing import NO_ROOM, no_room, refuse_blocked, write_atomic

__all__ = ["NO_ROOM", "no_room", "only_writer", "refuse_blocked", "write_atomic"]
