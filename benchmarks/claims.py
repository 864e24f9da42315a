"""Is the first sentence true? What is claimed of scenes whose truth is known, over stories with a pair and without.

    python benchmarks/claims.py [RUN ...] [--samples 100] [--together 1] [--seed 0] [--store FOLDER]

RUN is a run trained on generated scenes; demo/run, which `make demo` leaves, if none is named. Of each story the
first test samples are explained in which its label holds and is predicted. A claim is right if it is of the story's
kind and each feature it names lies on the planted evidence, and the evidence of every part is named. Claims rest on
answers with features removed, not on pair scores, so a small budget of the scores changes only which pairs are asked
about. With `--together 3` the mean of the first three runs is explained, of the next three, and so on.
"""

import argparse
from pathlib import Path

from markdown_table import markdown

from interplay.config import make_config
from interplay.evaluation.claims import claims_sentences
from interplay.explanation.ensemble import Ensemble
from interplay.explanation.predictor import Predictor
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.models.run import open_run
from interplay.pipeline.claims import check_claims
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import DEFAULT_STORE, open_encoders
from interplay.pipeline.validate import stored_features
from interplay.report.validity import CLAIM_HEADER, claim_rows
from interplay.results.validity import ClaimCheck


def main() -> None:
    """Print one table and one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", default=[Path("demo/run")])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE, help="where the data's features are")
    parser.add_argument("--together", type=int, default=1, metavar="K", help="explain the mean of each K runs")
    given, rows, every = parser.parse_args(), list[list[str]](), list[ClaimCheck]()
    k = given.together
    if k < 1 or len(given.runs) % k:
        parser.error(f"{len(given.runs)} runs: groups of {k} are needed")
    for at in range(0, len(given.runs), k):
        folders = given.runs[at : at + k]
        runs = [open_run(folder) for folder in folders]
        dataset, encoders = data_of(runs[0]), open_encoders(runs[0], "cpu")
        config = make_config(runs[0].config.model_dump(exclude_none=True) | {"seed": given.seed})
        stores = stored_features(dataset, encoders, given.store)
        each = [TrainedPredictor(run, encoders, config, stores) for run in runs]
        predictor: Predictor = Ensemble(each) if k > 1 else each[0]
        found = check_claims(predictor, dataset, config=config, samples=given.samples)
        name = ", ".join(map(str, folders))
        rows += [[name, *row] for row in claim_rows(found)]
        every += found
        print(f"{name} done", flush=True)
    print(markdown(["run", *CLAIM_HEADER], rows))
    print(*claims_sentences(every, ()), sep="\n")


if __name__ == "__main__":
    main()
