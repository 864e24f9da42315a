"""A made-up page against the picture of how it should look: golden/page.png.

Fonts are matplotlib's, put in from the test, so that lines break alike everywhere; what is left of differences between
machines is how edges are drawn. A new look: delete the picture, run this test once, look at what it wrote.
"""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

GOLDEN = Path(__file__).parent / "golden" / "page.png"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
VIEWPORT = {"width": 1104, "height": 1248}
BLOCK = 12  # pixels: letters drawn a little otherwise have the same mean over a block
CLEARLY = 16  # of 255
TOLERANCE = 0.0006  # share of blocks that differ clearly: about 5 of 9,568

SET_FONTS = """async (fonts) => {
  for (const [name, data] of Object.entries(fonts)) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    for (const weight of ["400", "600"]) document.fonts.add(await new FontFace(name, bytes.buffer, {weight}).load());
  }
  document.documentElement.style.setProperty("--serif", "Golden serif");
  document.documentElement.style.setProperty("--sans", "Golden sans");
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  dispatchEvent(new Event("afterprint"));  // links are laid out anew
}"""


@pytest.fixture
def page(open_page, examples) -> Page:
    opened = open_page(
        examples.with_whatif(),
        {"scene-0042": {"image": examples.picture()}},
        fragment="#scene-0042&off=0-20",
        viewport=VIEWPORT,
        color_scheme="light",
        device_scale_factor=1,
    )
    files = {"Golden serif": "DejaVuSerif.ttf", "Golden sans": "DejaVuSans.ttf"}
    opened.evaluate(SET_FONTS, {n: base64.b64encode((FONTS / f).read_bytes()).decode() for n, f in files.items()})
    opened.locator("#links").fill("4")  # the headline is about no pair
    opened.evaluate("scrollTo(0, 0)")
    return opened


def seen(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")


def differs(image: Image.Image) -> float:
    """The share of blocks of pixels that differ clearly from the golden picture."""

    def blocks(image: Image.Image) -> np.ndarray:
        small = image.resize((image.width // BLOCK, image.height // BLOCK), Image.Resampling.BOX)
        return np.asarray(small, dtype=int)

    with Image.open(GOLDEN) as golden:
        assert image.size == golden.size
        return float((np.abs(blocks(image) - blocks(golden.convert("RGB"))).max(axis=2) > CLEARLY).mean())


def test_the_page_looks_as_it_should(page):
    image = seen(page)
    if not GOLDEN.exists():
        image.quantize(128, dither=Image.Dither.NONE).save(GOLDEN, optimize=True)
        pytest.fail(f"wrote {GOLDEN}: look at it, and run the test again")
    assert differs(image) <= TOLERANCE


@pytest.mark.parametrize("change", ["transform = 'translate(.3px, .3px)'", "textRendering = 'geometricPrecision'"])
def test_other_edges_of_letters_are_tolerated(page, change):
    """Letters drawn a third of a pixel aside, or without hinting, as on another machine."""
    before = seen(page).tobytes()
    page.evaluate(f"document.body.style.{change}")
    image = seen(page)
    assert image.tobytes() != before
    assert differs(image) <= TOLERANCE


@pytest.mark.parametrize(
    "part",
    [
        *(".wire.synergy", ".wire.redundancy", ".pills li", ".whatif", ".prediction", ".claim", ".reach"),
        *(".prediction .labels li", ".of-image .patch.off", ".panel h3", ".segments"),
    ],
)
def test_a_missing_part_is_noticed(page, part):
    hidden = page.locator(part).first
    hidden.evaluate("node => { node.style.visibility = 'hidden'; }")
    assert differs(seen(page)) > TOLERANCE
