"""Predictions over HTTP, without explanations: no job, no page, one answer."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from interplay.serving.accepted import Accepted
from interplay.serving.errors import ALWAYS, error_responses
from interplay.serving.lanes import FileReader
from interplay.serving.predicting import Prediction, Predictor
from interplay.serving.routes_jobs import multipart
from interplay.serving.uploads import Uploads, read_job_requests


class Predictions(BaseModel):
    """One for each sample, in the order of the form."""

    predictions: list[Prediction]


def predict_routes(accepted: Accepted, predictor: Predictor, reader: FileReader, uploads: Uploads) -> APIRouter:
    """The route /api/predict.

    Args:
        accepted: what uploads are accepted.
        predictor: answers, in batches.
        reader: reads uploaded files.
        uploads: counts the bodies that come in.
    """
    routes = APIRouter(tags=["predictions"])

    @routes.post(
        "/api/predict",
        summary="Predict the labels of one sample or several, without explaining them",
        response_model=Predictions,
        openapi_extra=multipart(accepted.schema(accepted.limits.samples, options=False), accepted.encoding()),
        responses=error_responses(*ALWAYS, 403, 408, 413, 415, 422, 429),
    )
    async def predict(request: Request) -> Response:
        most = accepted.limits.samples
        samples = await read_job_requests(request, accepted, reader, uploads, most=most, options=False)
        found = await predictor.predict(samples)
        return JSONResponse(Predictions(predictions=found).model_dump())

    return routes
