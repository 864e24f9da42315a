"""`interplay serve`: explain new samples with a trained run over HTTP.

limits.py    what one request, one job and the whole service may take
wording.py   every refusal in one shape, without a word about the machine
job.py       one job: what is ordered, told and left
jobs.py      the queue, its one worker, and what is kept on disk
explainer.py a run with its encoders, opened once: an order in, explanation and page out
uploads.py   a multipart body to an order, refused as soon as it is too much
guard.py     around every request: host, origin, token, size, time, headers
pages.py     the pages of a run, and the policy each is shown under
meter.py     metrics for Prometheus
routes_*.py  jobs, pages, and how the service does
app.py       all of it together, and the OpenAPI document
server.py    socket, signals, uvicorn
"""
