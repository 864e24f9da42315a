"""`interplay serve`: explain new samples with a trained run over HTTP.

limits.py    what one request, one job and the whole service may take
errors.py    every error in one shape, without a word about the machine
job.py       one job: its request, its state and its result
jobs.py      the queue and its one worker
job_folder.py what is kept of jobs on disk
explainer.py a run with its encoders, opened once: a request in, explanation and page out
uploads.py   a multipart body to a request for a job, refused as soon as it is too much
middleware.py around every request: host, origin, token, size, time, headers
pages.py     the pages of a run, and the policy each is shown under
meter.py     metrics for Prometheus
routes_*.py  jobs, pages, and how the service does
app.py       all of it together, and the OpenAPI document
server.py    socket, signals, uvicorn
"""
