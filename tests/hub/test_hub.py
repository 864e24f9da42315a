"""The Hugging Face hub, whose answers are replaced: what is fetched, what is pushed, and every refusal in words."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import pytest
from huggingface_hub import CommitOperationDelete, ModelCard, constants
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
from tests.hub.conftest import MakeRun

from interplay import explain, open_run, open_runs, push_to_hub, save_pretrained
from interplay.data.sample import Sample
from interplay.errors import CheckpointError, HubError
from interplay.files import fetching
from interplay.files.exported import CARD_FILE, MANIFEST_FILE
from interplay.models.run import Run

TOKEN = "hf_" + "x" * 34


def answer(status: int, error: type[HfHubHTTPError] = HfHubHTTPError) -> HfHubHTTPError:
    response = httpx.Response(status, request=httpx.Request("GET", "https://hub"))
    return error(f"{status} with {TOKEN}\nsecond line", response=response)


class Hub:
    """A hub in a folder: what the client's network calls are replaced by."""

    def __init__(self, root: Path) -> None:
        self.root, self.cached, self.calls = root, False, []
        self.fails: Exception | None = None

    def repo(self, name: str) -> Path:
        if self.fails:
            raise self.fails
        if not (self.root / name).is_dir():
            raise answer(404, RepositoryNotFoundError)
        return self.root / name

    def names(self, name: str) -> list[str]:
        repo = self.repo(name)
        return [p.relative_to(repo).as_posix() for p in sorted(repo.rglob("*")) if p.is_file()]

    def model_info(self, name: str, timeout: float, revision: str | None = None) -> Any:
        assert timeout == fetching.SECONDS  # the client alone would try for half a minute
        self.calls.append(("info", name, revision))
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=file) for file in self.names(name)])

    def snapshot_download(self, name: str, revision: str | None, allow_patterns: list[str], **given: Any) -> str:
        self.calls.append(("snapshot", name, revision, given.get("local_files_only", False)))
        assert allow_patterns == fetching.FETCHED
        if given.get("local_files_only") and not self.cached:
            raise FileNotFoundError("nothing is cached")
        return str(self.root / name)

    def create_repo(self, name: str, private: bool, exist_ok: bool) -> str:
        self.calls.append(("create", name, private, exist_ok))
        if self.fails:
            raise self.fails
        (self.root / name).mkdir(parents=True, exist_ok=True)
        return f"https://huggingface.co/{name}"

    def create_commit(self, name: str, operations: list[Any], commit_message: str) -> None:
        for one in operations:
            path = self.root / name / one.path_in_repo
            if isinstance(one, CommitOperationDelete):
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with one.as_file() as content:
                path.write_bytes(content.read())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of its own, asked from an empty working directory with a token."""
    one, api = Hub(tmp_path / "hub"), huggingface_hub.HfApi
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(api, "model_info", lambda self, name, **given: one.model_info(name, **given))
    monkeypatch.setattr(api, "create_repo", lambda self, name, **given: one.create_repo(name, **given))
    monkeypatch.setattr(api, "create_commit", lambda self, *given, **more: one.create_commit(*given, **more))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", one.snapshot_download)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield one


def test_what_is_pushed_is_opened_by_its_name(hub: Hub, make_run: MakeRun, sample: Sample, tmp_path: Path) -> None:
    run = make_run()
    folder = save_pretrained(run, tmp_path / "out")
    with (folder / CARD_FILE).open("a") as card:
        card.write("\nWritten by hand.\n")
    (folder / "explanations").mkdir()
    (folder / "explanations" / "page.html").write_text("what was explained here stays here")
    assert push_to_hub(folder, "me/films") == "https://huggingface.co/me/films"
    assert hub.calls == [("info", "me/films", None), ("create", "me/films", True, True)]  # seen by its owner alone
    assert "explanations/page.html" not in hub.names("me/films")
    pushed = ModelCard.load(hub.root / "me/films" / CARD_FILE)
    assert pushed.data.model_name == "me/films" and 'open_run("me/films")' in pushed.text
    assert "Written by hand." in pushed.text

    opened = open_run("me/films@v1")
    assert hub.calls[2:] == [("info", "me/films", "v1"), ("snapshot", "me/films", "v1", False)]
    assert opened.name == "me/films@v1" and opened.results == Path("me--films@v1-results")
    (found,), (expected,) = explain(opened, [sample]), explain(run, [sample])
    assert found.pairs == expected.pairs and found.attributions == expected.attributions
    assert found.provenance.run == "me/films@v1"
    assert open_run("me/films").card == run.card


def test_several_seeds_are_pushed_as_one(
    hub: Hub, make_seeds: Callable[[], list[Run]], sample: Sample, tmp_path: Path
) -> None:
    runs = make_seeds()
    push_to_hub(save_pretrained(runs, tmp_path / "out"), "me/both", private=False)
    assert hub.calls[-1] == ("create", "me/both", False, True)
    opened = open_runs("me/both")
    assert [run.name for run in opened] == ["seed0", "seed1"] and opened[0].results == Path("me--both-results/seed0")
    assert explain(opened, [sample]) == explain(runs, [sample])


def test_pushing_again_replaces_what_was_pushed(
    hub: Hub, make_run: MakeRun, make_seeds: Callable[[], list[Run]], tmp_path: Path
) -> None:
    push_to_hub(save_pretrained(make_seeds(), tmp_path / "both"), "me/films")
    (hub.root / "me/films" / "picture-of-the-card.png").write_bytes(b"x")
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    there = hub.names("me/films")
    assert "model/model.safetensors" in there and "picture-of-the-card.png" in there
    assert "seed0/model/model.safetensors" not in there and open_run("me/films").config.seed == 0


def test_without_a_license_the_pushed_card_says_that_none_was_stated(
    hub: Hub, make_run: MakeRun, tmp_path: Path
) -> None:
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    card = ModelCard.load(hub.root / "me/films" / CARD_FILE)
    assert card.data.license is None and "Of the model: none was stated." in card.text


def test_something_else_is_never_written_over(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    (hub.root / "me/films").mkdir(parents=True)
    for name in (".gitattributes", CARD_FILE):
        (hub.root / "me/films" / name).write_text("x")
    folder = save_pretrained(make_run(), tmp_path / "out")
    (hub.root / "me/films" / "pytorch_model.bin").write_text("x")
    with pytest.raises(HubError, match=r"no exported run is in me/films already: pytorch_model\.bin; .*another name"):
        push_to_hub(folder, "me/films")
    (hub.root / "me/films" / "pytorch_model.bin").unlink()
    push_to_hub(folder, "me/films")  # what a new repository has is no model


def test_what_is_no_whole_exported_run_is_not_pushed(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(CheckpointError, match=r"it has no interplay\.json; .*export it first: interplay export "):
        push_to_hub(run.folder, "me/films")
    folder = save_pretrained(run, tmp_path / "out")
    (folder / CARD_FILE).write_text("---\nlicense: [\n---\nBy hand.")
    with pytest.raises(CheckpointError, match=r"the metadata of README\.md cannot be read"):
        push_to_hub(folder, "me/films")
    (folder / CARD_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"the model card README\.md is missing"):
        push_to_hub(folder, "me/films")
    (folder / "metrics.json").unlink()
    with pytest.raises(CheckpointError, match=r"the file metrics\.json is missing"):
        push_to_hub(folder, "me/films")
    assert hub.calls == []


@pytest.mark.parametrize(
    "name", ["films", "me/films/v2", "me/films@v1", "../films", "me/", "https://huggingface.co/me/films"]
)
def test_a_name_that_is_none_is_refused(hub: Hub, make_run: MakeRun, tmp_path: Path, name: str) -> None:
    with pytest.raises(HubError, match="expected OWNER/NAME"):
        push_to_hub(save_pretrained(make_run(), tmp_path / "out"), name)


def test_without_a_token_it_says_what_to_do(
    hub: Hub, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(HubError, match=r"no token for the Hugging Face hub was found; .*`hf auth login`, .*HF_TOKEN"):
        push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")


def test_offline_it_says_what_to_do(
    hub: Hub, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match=r"while HF_HUB_OFFLINE is set; .*unset it"):
        push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    hub.fails = OfflineModeIsEnabled("offline mode is enabled")
    with pytest.raises(HubError, match=r"no folder here, .*: offline mode is enabled; .*unset HF_HUB_OFFLINE"):
        open_run("me/films")


FAILURES = [
    (answer(401), "does not let this token write to me/films .401.*settings/tokens, then log in"),
    (answer(403), "does not let this token write to me/films .403."),
    (answer(400), r"me/films cannot be pushed: 400 with \*\*\*; .*correct what it names"),
    (answer(503), r"me/films cannot be pushed: 503 with \*\*\*; .*check the network"),
    (
        httpx.ConnectError("Name or service not known"),
        "cannot be pushed: Name or .* known; .*check the network",
    ),
]


@pytest.mark.parametrize("error, words", FAILURES, ids=lambda one: str(one)[:20])
def test_what_the_hub_refuses_is_said_without_the_token(
    hub: Hub, make_run: MakeRun, tmp_path: Path, error: Exception, words: str
) -> None:
    hub.fails = error
    with pytest.raises(HubError, match=words) as caught:
        push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    assert TOKEN not in str(caught.value) and "\n" not in str(caught.value) and caught.value.__cause__ is None


def test_what_was_fetched_before_opens_without_a_network(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    hub.fails = httpx.ConnectError("Name or service not known")
    with pytest.raises(HubError, match=r"Name or service not known; .*check the network"):
        open_run("me/films")
    hub.cached = True
    assert open_run("me/films").name == "me/films"


def test_what_the_hub_has_no_more_is_not_opened_from_the_cache(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"it has no such model or revision, .*private; .*spelling; .*`hf auth login`"):
        open_run("me/films")
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    hub.cached, hub.fails = True, answer(404, RepositoryNotFoundError)
    with pytest.raises(HubError, match="it has no such model or revision"):
        open_run("me/films")


@pytest.mark.parametrize(
    "file, words",
    [
        ("pytorch_model.bin", r"me/films: pytorch_model\.bin is a pickle"),
        ("model/modeling.py", r"me/films: model/modeling\.py is Python"),
    ],
)
def test_nothing_that_may_run_code_is_even_fetched(
    hub: Hub, make_run: MakeRun, tmp_path: Path, file: str, words: str
) -> None:
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    (hub.root / "me/films" / file).write_text("x")
    with pytest.raises(CheckpointError, match=words):
        open_run("me/films")
    assert not [call for call in hub.calls if call[0] == "snapshot"]


def test_another_model_of_the_hub_is_no_run(hub: Hub) -> None:
    (hub.root / "me/bert").mkdir(parents=True)
    (hub.root / "me/bert" / "model.safetensors").write_text("x")
    with pytest.raises(CheckpointError, match=rf"me/bert: it has no {MANIFEST_FILE}; .*interplay explain-model"):
        open_run("me/bert")


def test_what_is_fetched_damaged_is_refused(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    (hub.root / "me/films" / "metrics.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"metrics\.json is not the file that was exported"):
        open_run("me/films")


def test_folders_go_first(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    shutil.copytree(make_run().folder, Path("me") / "films")
    assert open_run("me/films").folder == Path("me/films") and hub.calls == []
    with pytest.raises(CheckpointError, match=r"me/nothing: the run is not there"):  # the folder `me` is here
        open_run("me/nothing")
    assert hub.calls == []
