"""axe-core over the page, in every state of it that has controls of its own: nothing that keeps people out."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")


def faults(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {node['target']} {node['html'][:120]} {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"][:3]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_serious_fault(open_page, examples, scheme, width):
    page = open_page(
        [examples.with_whatif(), examples.dense_beside(), examples.three_modalities()],
        {"scene-0042": {"image": examples.picture()}},
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
    )
    assert not faults(page)
    page.locator("#evidence .token").nth(2).click()  # its heat and its lens
    assert not faults(page)
    page.locator("#ask").click()
    for at in (4, 6, 8):
        page.locator("#evidence .token").nth(at).click()
    assert not faults(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["only_noise", "with_features", "two_images", "without_pairs"])
def test_no_serious_fault_in_other_shapes(open_page, examples, kind, scheme):
    assert not faults(open_page(getattr(examples, kind)(), color_scheme=scheme))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_where_content_is_hidden(open_page, examples, scheme):
    page = open_page(examples.planted(), {"scene-0042": {"image": examples.picture()}}, blur=True, color_scheme=scheme)
    assert not faults(page)


def test_a_fault_would_be_found(open_page, examples):
    page = open_page(examples.planted())
    page.evaluate("document.querySelector('#theme').replaceChildren(), document.querySelector('#theme').ariaLabel = ''")
    page.evaluate("document.querySelector('.reach').style.color = '#ddd'")
    found = " ".join(faults(page))
    assert "button-name" in found and "color-contrast" in found
