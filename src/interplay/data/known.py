"""All labels whose truth is known: those of scenes, and those that are planted into other data."""

from interplay.data.plant_story import PLANTED_SLOTS, PLANTED_STORIES
from interplay.data.scenes_more import MORE_SLOTS, MORE_STORIES
from interplay.data.scenes_story import SLOTS as SCENE_SLOTS
from interplay.data.scenes_story import STORIES as SCENE_STORIES

SLOTS = {**SCENE_SLOTS, **MORE_SLOTS, **PLANTED_SLOTS}
STORIES = {**SCENE_STORIES, **MORE_STORIES, **PLANTED_STORIES}
