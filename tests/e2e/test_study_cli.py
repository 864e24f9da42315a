"""`interplay study` from the command line: what it costs, what it leaves, and one line for whatever is wrong."""

import json

import pytest
import tomli_w
from tests.small_study import ASKED, SETTINGS

from interplay.cli import app as cli


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command; returns (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["interplay", "study", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture
def config(tmp_path):
    """One model, one seed."""
    path = tmp_path / "small.toml"
    path.write_text(tomli_w.dumps({"study": {**ASKED, "seeds": [0], "models": ["dense"]}, **SETTINGS}))
    return path


def test_dry_run_then_run_then_again(call, config, scenes, store, tmp_path):
    given = (config, "--data", scenes.source, "--store", store, "--out", tmp_path / "s")
    code, out, err = call(*given, "--dry-run")
    assert code == 0, err
    assert "evaluations" in out and "mask pairs" in out and not (tmp_path / "s").exists()
    code, out, _ = call(*given, "--dry-run", "--json")
    assert [c["stage"] for c in json.loads(out)][-1] == "all"

    code, out, err = call(*given)
    assert code == 0, err
    assert "Open the page:" in out and (tmp_path / "s/study.html").exists()
    assert "dense 0: mask: 6 of 6" in err, "progress of every stage"
    before = (tmp_path / "s/dense/seed0/masking.safetensors").stat().st_mtime_ns
    code, out, _ = call(*given, "--json", "--set", "study.bins=3")
    assert code == 0 and json.loads(out)["page"].endswith("study.html")
    assert (tmp_path / "s/dense/seed0/masking.safetensors").stat().st_mtime_ns == before
    assert "bin 4" not in (tmp_path / "s/tables/figure4_alignment.csv").read_text()


@pytest.mark.parametrize(
    "content, options, said",
    [
        ("[study]\nseedz = [1]\n", [], "did you mean study.seeds"),
        ("[study\n", [], "not valid TOML"),
        ("", [], "no dataset is named"),
        ("", ["--data", "nowhere"], "there is nothing here"),
        ("", ["--set", "study.samples=1"], "study.samples"),
        ("seed = 1\n", [], "study.seeds"),
        ('[study]\ndata = "x"\n[study.variants.a.data]\nplot = "first"\n', [], "read the data differently"),
    ],
)
def test_what_is_wrong_is_one_line(call, tmp_path, content, options, said):
    path = tmp_path / "c.toml"
    path.write_text(content)
    code, out, err = call(path, *options)
    assert code == 2 and not out and err.count("\n") == 1 and said in err


def test_a_missing_file(call, tmp_path):
    code, _, err = call(tmp_path / "none.toml")
    assert code == 2 and "none.toml" in err and err.count("\n") == 1
