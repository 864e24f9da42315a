"""The form of the service's start page: a field for every modality, as its kind says."""

from interplay.modalities import MODALITIES
from interplay.modalities.features import FeaturesModality
from interplay.report.start_page import render_start


def form(modalities: dict[str, str]) -> str:
    options = {name: name for name in ("target", "budget", "seed")}
    page, _ = render_start("run", modalities, ["a", "b"], options, budget=100, most_budget=200, pages=[])
    return page


def test_a_text_is_typed_and_files_are_chosen_by_what_their_kind_takes():
    page = form({"plot": "text", "poster": "image", "sound": "features"})
    assert '<textarea id="in-1" name="plot"' in page
    assert 'name="poster" type="file" accept="image/png, image/jpeg, image/webp"' in page
    assert 'name="sound" type="file" accept=".npy,.safetensors"' in page


def test_a_new_kind_needs_no_change_of_the_form(monkeypatch):
    audio = type("Audio", (FeaturesModality,), {"kind": "audio", "panel": "image", "suffixes": (".wav", ".flac")})()
    monkeypatch.setitem(MODALITIES, "audio", audio)
    assert 'name="talk" type="file" accept=".wav,.flac"' in form({"talk": "audio"})
