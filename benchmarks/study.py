"""The paper's experiments on scenes, and what makes roles separate there; on films where a folder of them is given.

    python benchmarks/study.py [scenes] [roles] [movies --movies FOLDER] [--work .interplay/studies]

Runs the configs of the same names as `interplay study` does (an interrupted one goes on), and prints the claims of
the paper with their evidence, the task metrics, and which expert finds which story.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

from markdown_table import markdown

from interplay.data.registry import open_dataset
from interplay.data.scenes import make_scenes
from interplay.report.study_page import pivot
from interplay.study.config import read_study
from interplay.study.running import run_study, write_provenance
from interplay.study.tables import concentration_table, story_table, task_table
from interplay.study.writing import HEADLINE, write_study

CONFIGS = Path(__file__).parent.parent / "configs"
SCENES = 3000


def measure(name: str, work: Path, movies: Path | None) -> None:
    """Run one study and print what it found."""
    started, study = time.time(), read_study(CONFIGS / f"{name}.toml")
    if name == "movies":
        if movies is None:
            raise SystemExit("movies needs --movies FOLDER")
        dataset = open_dataset(movies)
    else:
        if not (work / "scenes").exists():
            make_scenes(work / "scenes", samples=SCENES)
        dataset = open_dataset(work / "scenes")
    command = shlex.join(["python", *sys.argv])
    out = work / f"study-{name}"
    results = run_study(study, dataset, out, store=work / "store", say=lambda line: print(line, file=sys.stderr))
    _, claims = write_study(results, out, command)
    write_provenance(results, out, command, started)
    stages = sum(seconds for run in results.runs for seconds in run.seconds().values())
    print(f"### {name}: {time.time() - started:.0f} s in this call, {stages:.0f} s in the stages after training\n")
    if claims:
        print(markdown(["claim", "verdict", "evidence"], [[c.claim, c.verdict, c.evidence] for c in claims]) + "\n")
    task = [row for row in task_table(results) if row["metric"] in HEADLINE]
    print(markdown(*pivot(task, ["variant"], "metric", {"": "sd"})) + "\n")
    stories = [row | {"mean": row["auroc"], "sd_seeds": row["auroc_sd_seeds"]} for row in story_table(results)]
    if stories:
        print(markdown(*pivot(stories, ["variant", "story", "score", "on"], "expert", {"": "sd"})) + "\n")
    overlaps = [r for r in concentration_table(results) if r["measure"] == "overlap" and r["method"] == "grad_rollout"]
    if overlaps:
        print(markdown(*pivot(overlaps, ["expert"], "variant", {"": "interval"})) + "\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["scenes", "roles"])
    parser.add_argument("--work", type=Path, default=Path(".interplay") / "studies")
    parser.add_argument("--movies", type=Path, help="a folder in MM-IMDb layout")
    asked = parser.parse_args()
    for name in asked.names:
        measure(name, asked.work, asked.movies)


if __name__ == "__main__":
    main()
