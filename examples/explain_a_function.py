"""Explain a function of a text and a picture: does it warn of a storm, as the sentence and a sign in the picture do?

The function answers yes only to both together, so the word and the sign must come out as a pair that acts together.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import interplay

TEXT = "the forecast says storms at noon on Sunday"


def make_picture() -> Image.Image:
    """A grey sky with a yellow sign in its second row, third column of four."""
    picture = Image.new("RGB", (320, 240), (120, 130, 140))
    ImageDraw.Draw(picture).ellipse((170, 90, 230, 150), fill=(250, 220, 20))
    return picture


def warns(text: str, picture: Image.Image) -> float:
    """The probability of a warning: high if `storms` is said and something yellow is seen, else low."""
    red, green, blue = np.moveaxis(np.asarray(picture), -1, 0)
    yellow = (red > 200) & (green > 180) & (blue < 80)
    return 0.97 if "storms" in text.split() and yellow.sum() > 1500 else 0.04


if __name__ == "__main__":
    picture = make_picture()
    explanation = interplay.explain_callable(warns, text=TEXT, image=picture, labels=["warning"], grid=4)
    print(interplay.finding(explanation))
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("function.html")
    print("Open the page: ", interplay.write_page([explanation], {"sample": {"image": picture}}, out).resolve())
