"""`interplay serve`: explain and predict new samples with a trained run over HTTP.

limits.py    what one request, one file, one job and the whole service may take
errors.py    every error in one shape, without a word about the machine
job.py       one job: its request, its state and its result
jobs.py      the queue and its one worker; why a job ends: stops.py
job_folder.py what is kept of jobs on disk
explainer.py a run with its encoders, opened once: a request in, explanation and page out
predicting.py predictions alone, in batches
accepted.py  what a run takes: the fields of its form
uploads.py   a multipart body to samples, refused as soon as it is too much
lanes.py     uploaded files, read in processes of their own; what these run: decoding.py
recent.py    what a client did in the last minute that slows it
middleware.py around every request: host, origin, token, size, time, headers
protocol.py  one connection: clients that do not write, or do not read
pages.py     the pages of a run, and the policy each is shown under
meter.py     metrics for Prometheus
routes_*.py  jobs, predictions, pages, and how the service does
app.py       all of it together, and the OpenAPI document
server.py    socket, signals, uvicorn
"""
