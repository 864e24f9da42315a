"""`interplay validate`: pair scores against known truth."""

from pathlib import Path
from typing import Annotated

import typer

from interplay.cli import console, options
from interplay.cli.options import DEFAULT_STORE, Data, Device, Fill, Json, RunPath, Set, Store
from interplay.files import only_writer


def validate(
    run: RunPath,
    samples: Annotated[int, typer.Option(min=2, help="Test samples of each label whose pair is known.")] = 50,
    backgrounds: Annotated[int, typer.Option(min=4, help="Draws behind each pair score, even.")] = 8,
    claims: Annotated[
        int, typer.Option(min=0, help="Test samples of each story whose first sentence is checked; 0 for none.")
    ] = 20,
    plant: Annotated[
        bool, typer.Option("--plant", help="Plant evidence into a copy of the run's data, and train on that first.")
    ] = False,
    planted: Annotated[int, typer.Option(min=200, help="With --plant: samples of the copy.")] = 3000,
    fill: Fill = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the report; RUN/validation if absent; RUN-results here if it was exported."),
    ] = None,
    store: Store = DEFAULT_STORE,
    device: Device = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Test pair scores and claims where the truth is known: on scenes, or on your own data with --plant.

    Leaves a page and a JSON file: how far answers are from the exact posterior when features are removed, how often
    the planted pair is found, by story, expert and value function, and how often the first sentence said is true.
    """
    assignments = options.assigned(set_) | options.given({"removal.fill": fill, "device": device})
    with console.working(console.GO_ON) as progress:
        options.check_early(run)
        from interplay.evaluation.claims import claims_sentences
        from interplay.explanation.trained.predictor import TrainedPredictor
        from interplay.models.run import open_run
        from interplay.pipeline.claims import check_claims
        from interplay.pipeline.datasets import data_of
        from interplay.pipeline.encode import open_encoders
        from interplay.pipeline.explain import explain_config
        from interplay.pipeline.explanations import explanations_folder
        from interplay.pipeline.validate import (
            plant_and_train,
            refuse_numbers,
            stored_features,
            validate_run,
        )

        refuse_numbers(samples, backgrounds)
        opened = open_run(run)
        settings = explain_config(opened, assignments)
        folder = explanations_folder(opened, out or opened.results / "validation")
        dataset = data_of(opened, data)
        with only_writer(folder):
            if plant:
                dataset, opened = plant_and_train(
                    opened, dataset, folder, config=settings, samples=planted, store=store, progress=progress
                )
            encoders = open_encoders(opened, settings.device)
            stores = stored_features(dataset, encoders, store)
            found = validate_run(
                opened,
                dataset,
                encoders=encoders,
                stores=stores,
                config=settings,
                samples=samples,
                backgrounds=backgrounds,
                progress=progress,
            )
            if claims:
                predictor = TrainedPredictor(opened, encoders, settings, stores)
                checked = check_claims(predictor, dataset, config=settings, samples=claims, progress=progress)
                verdicts = [*claims_sentences(checked, found.stories), *found.verdicts]
                found = found.model_copy(update={"claims": checked, "verdicts": verdicts})
            from interplay.report.validity import CLAIM_HEADER, SHORT, claim_rows, short_rows, write_validity

            page = write_validity(found, folder)
    if json:
        return console.print_json(found.model_dump(mode="json", by_alias=True))
    console.print_table(console.plain_table("The planted pairs, by the mixture", SHORT, short_rows(found)))
    if found.claims:
        console.print_table(
            console.plain_table("First sentences, said against true", CLAIM_HEADER, claim_rows(found.claims))
        )
    return console.print_lines(["", *found.notes, *found.verdicts, "", f"Open the page:  {page}"])
