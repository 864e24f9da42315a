"""A function whose every answer is known, opened on a text and a picture of four cells."""

import numpy as np
from PIL import Image

from interplay.explanation.functions.predictor import FunctionPredictor

TEXT = "storm on the calm calm sea"
LABELS = ["risk", "rest"]


def picture(size=32):
    """A red picture whose first cell is green."""
    made = Image.new("RGB", (size, size), (200, 10, 10))
    made.paste((10, 200, 10), (0, 0, size // 2, size // 2))
    return made


def risk(text, image):
    """A pair of words, a pair of a word and the green cell, and words by themselves: nothing in threes."""
    words = text.split()
    green = float(np.asarray(image)[0, 0, 1] == 200)
    first = 2.0 * ("storm" in words) * ("sea" in words) + 1.5 * ("sea" in words) * green - 0.5 * ("on" in words)
    return [first, 0.3 * words.count("calm")]


def additive(text):
    """Each word adds its length."""
    return float(sum(map(len, text.split())))


def predictor(**settings):
    return FunctionPredictor(risk, LABELS, label_kind="multi", returns="logits", grid=2, **settings)


def opened(text=TEXT):
    """Six words and four cells."""
    return predictor().open_inputs(text, picture())
