"""Natural mistakes at the command line: what is answered, and after how many CPU-seconds (user and system).

    python benchmarks/mistakes.py [--run RUN] [--repeats 2]

With a finished run, mistakes are made about it, too; its model is not needed for any answer.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_table import markdown

BOUND = 1.0
WITHOUT_EXTRA = "import sys; sys.modules['fastapi'] = None; from interplay.cli.app import main; main()"
MISTAKES = {
    "a command misspelt": "trian DATA --out NEW",
    "an option misspelt": "train DATA --out NEW --devise cpu",
    "an option missing": "train DATA",
    "a wrong path of a dataset": "train nowhere --out NEW",
    "a wrong path of a run": "explain nowhere",
    "a file that is no table": "train DATA/note.txt --out NEW",
    "a wrong column": "train DATA --out NEW --label-column lables",
    "a wrong column of texts": "data check DATA --text-column texts",
    "a dataset where a run is wanted": "explain DATA",
    "a dataset served": "serve DATA",
    "a run where a dataset is wanted (swapped)": "train TAKEN --out DATA",
    "a second run into the same folder": "train DATA --out TAKEN",
    "--device gpu": "train DATA --out NEW --device gpu",
    "--set epochs=5": "train DATA --out NEW --set epochs=5",
    "--preset misspelt": "train DATA --out NEW --preset papre",
    "an extra that is missing": "serve TAKEN",
}
OF_A_RUN = {
    "--target misspelt": "explain RUN --target smears",
    "--split misspelt": "explain RUN --split tset",
    "a sample that is not there": "explain RUN --sample nobody",
    "a modality misspelt": "explain RUN --input txt=hello",
    "a modality missing": "explain RUN --input text=hello",
    "a port that is none": "serve RUN --port 99999",
}


def cpu_seconds(arguments: list[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """User and system time of one child process, and how it ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def make_inputs(folder: Path) -> dict[str, str]:
    """A small dataset, and a folder that looks like a finished run; name -> path."""
    data, taken = folder / "data", folder / "a-run"
    data.mkdir()
    taken.mkdir()
    for name in ("config.toml", "metrics.json"):
        (taken / name).touch()
    rows = [f"{n},{s},text {n},{'ab'[n % 2]}" for n, s in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2)]
    (data / "samples.csv").write_text("\n".join(["id,split,text,labels", *rows]) + "\n")
    (data / "note.txt").write_text("x")
    return {"DATA": str(data), "TAKEN": str(taken), "NEW": str(folder / "new")}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    rows, slow = [], []
    with tempfile.TemporaryDirectory() as folder:
        places = make_inputs(Path(folder)) | ({"RUN": str(given.run.resolve())} if given.run else {})
        for name, line in (MISTAKES | (OF_A_RUN if given.run else {})).items():
            words = line
            for place, path in places.items():
                words = words.replace(place, path)
            start = ["-c", WITHOUT_EXTRA] if "extra" in name else ["-m", "interplay"]
            seconds, done = min(
                (cpu_seconds([*start, *words.split()]) for _ in range(given.repeats)), key=lambda r: r[0]
            )
            answer = " ".join(done.stderr.split()).replace(folder, "...")
            assert done.returncode in (1, 2) and "Traceback" not in answer, (line, answer)
            slow += [name] if seconds > BOUND else []
            rows.append((name, f"`interplay {line}`", f"{seconds:.2f}", answer[:160].replace("|", "/")))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    print(f"Load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; least of {given.repeats}.\n")
    print(markdown(["mistake", "command", "CPU-s", "answer begins"], rows))
    print(f"\nAbove {BOUND:g} CPU-s: {', '.join(slow) or 'none'}.")


if __name__ == "__main__":
    main()
