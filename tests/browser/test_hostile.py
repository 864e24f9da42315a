"""Fifty hostile texts in every place of a page, in a real browser; and what the page's own policy blocks."""

import re
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import Page, expect

from interplay.report import render_page

DRAWN = {"svg", "rect", "text", "path", "circle", "image"}  # what an exported picture is made of


def hold(page: Page) -> None:
    """Nothing was added to the page that its own script does not make, and its texts are still there."""
    assert page.evaluate("document.querySelectorAll('script').length") == page.evaluate(
        "2 + JSON.parse(document.getElementById('index').textContent).samples.length"
    )
    foreign = "iframe, object, embed, base, form, template, a[href^='javascript'], link:not([rel=icon])"
    assert page.locator(f"{foreign}, meta[http-equiv=refresh]").count() == 0
    assert page.locator("[onerror], [onload], [onclick], [onfocus], [ontoggle], [onmouseover]").count() == 0
    for place in ("h1", "#strongest", ".labels .said bdi", "#evidence .panel h3 bdi", "#provenance dd", ".eyebrow bdi"):
        assert page.locator(place).first.text_content(), place


def touch(page: Page) -> None:
    """What a person does: point, pin, show a row, take a feature's lens away again."""
    page.locator("#sure").uncheck()
    page.locator("#evidence .token").first.hover(position={"x": 2, "y": 6})
    page.locator("#evidence .token").first.click(position={"x": 2, "y": 6})
    page.locator("tbody button").first.click()
    page.locator("#evidence .pill").first.hover()


def exported(page: Page) -> ElementTree.Element:
    with page.expect_download() as download:
        page.locator("#get-svg").click()
    assert re.fullmatch(r"\w[\w.-]*\.svg", download.value.suggested_filename)
    return ElementTree.fromstring(Path(download.value.path()).read_bytes())


def test_hostile_texts_are_inert_everywhere(open_page, examples, hostile):
    texts = [text for text in hostile.TEXTS if text != hostile.MEGABYTE]
    assert len(texts) == 49
    pictures = {text: {"image": examples.picture(32, 2)} for text in texts}
    page = open_page([hostile.hostile_everywhere(text) for text in texts], pictures)
    for number in range(len(texts)):
        if number:
            page.locator("#next").click()
        expect(page.locator("#picker .of")).to_have_text(f"{number + 1} of 49")
        touch(page)
        hold(page)
        drawing = exported(page)
        assert {node.tag.rpartition("}")[2] for node in drawing.iter()} <= DRAWN
        assert not any(name.startswith("on") or "style" in name for node in drawing.iter() for name in node.attrib)


def test_a_word_of_a_million_letters(open_page, hostile):
    page = open_page(hostile.hostile_everywhere(hostile.MEGABYTE))
    touch(page)
    hold(page)
    assert len(page.locator("body").inner_text()) < 60_000, "texts are cut for the eye, and whole in the downloads"
    assert "w" * 200 in Path(download(page, "json")).read_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def download(page: Page, kind: str) -> Path:
    with page.expect_download() as found:
        page.locator(f"#get-{kind}").click()
    return Path(found.value.path())


def test_what_the_policy_blocks(browser, examples, tmp_path):
    """A page with an inline script, style, handler and foreign picture put in: none of them has any effect."""
    bad = (
        "<script>window.broken = 'script'</script><style>body { display: none }</style>"
        "<p id=styled style='position: fixed'>x</p>"
        "<img src='https://example.invalid/x.png' onerror=\"window.broken = 'handler'\">"
        "<link rel=stylesheet href='https://example.invalid/x.css'><iframe src='https://example.invalid/'></iframe>"
    )
    whole = render_page([examples.planted()], {})
    (tmp_path / "bad.html").write_text(whole.replace("</footer>", f"</footer>{bad}"))
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.on("response", lambda response: asked.append(response.url))
    page.add_init_script(
        "window.blocked = [];"
        "document.addEventListener('securitypolicyviolation', (e) => blocked.push(e.effectiveDirective))"
    )
    page.goto((tmp_path / "bad.html").as_uri())
    expect(page.locator("#strongest")).to_contain_text("SII")
    assert page.evaluate("window.broken") is None
    assert page.evaluate("getComputedStyle(document.body).display") == "block"
    assert page.evaluate("getComputedStyle(document.getElementById('styled')).position") == "static"
    blocked = set(page.evaluate("blocked"))
    assert {"script-src-elem", "style-src-elem", "style-src-attr", "img-src", "script-src-attr", "frame-src"} <= blocked
    assert not [url for url in asked if "example.invalid" in url]
    answered = page.evaluate("fetch('data:text/plain,x').then(() => 'answered', () => 'refused')")
    assert answered == "refused", "the page may not ask for anything, not even of itself"
    context.close()
