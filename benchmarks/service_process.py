"""The service as a process: started, asked, watched and ended."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image

TOKEN = "the-token-of-the-benchmark"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def picture(size: int = 96) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Bound:
    """What was measured, and the most it may be."""

    what: str
    came: float
    most: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.came <= self.most

    def row(self) -> tuple[str, str, str, str]:
        return self.what, f"{self.came:.3g} {self.unit}", f"{self.most:g} {self.unit}", "yes" if self.holds else "no"


class Service:
    """The process under test. Its memory is watched from its first answer on, together with its children's."""

    def __init__(self, run: Path, jobs: Path, queue: int) -> None:
        command = [sys.executable, "-m", "interplay", "serve", run, "--port", "0", "--json", "--jobs", jobs]
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as the service
        self.process = subprocess.Popen(
            [*map(str, command), "--budget", "400", "--most-budget", "1000", "--queue", str(queue), "--keep", "300"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            # As its users start it: what the Makefile says to the allocator, for trainings, keeps memory.
            env={k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | {"INTERPLAY_TOKEN": TOKEN},
            start_new_session=True,  # its share of the processors is not that of its clients
        )
        assert self.process.stdout is not None
        printed = ""
        while not printed.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, self.log()
            printed += line
        self.url = json.loads(printed)["url"]
        self.port = int(self.url.rpartition(":")[2])
        self.client = httpx.Client(
            base_url=self.url, headers=HEADERS, timeout=300, limits=httpx.Limits(max_connections=250)
        )
        self.peak, self.peak_of_readers, self._watching = 0.0, 0.0, True
        threading.Thread(target=self._watch, daemon=True).start()

    def post(self, content: bytes, text: str = "a wonderful thunder", **data: str) -> httpx.Response:
        files = {"image": ("x.png", content)}
        return self.client.post("/api/jobs", data={"text": text, **data}, files=files)

    def quiet(self, cancel: bool = False) -> None:
        """Until nothing waits or runs; jobs can be cancelled instead of awaited."""
        if cancel:
            for job in self.client.get("/api/jobs").json():
                if job["state"] in ("queued", "running"):
                    self.client.delete(f"/api/jobs/{job['id']}")
        while any(job["state"] in ("queued", "running") for job in self.client.get("/api/jobs").json()):
            time.sleep(0.5)

    def tree(self) -> list[int]:
        """The process and all that descend from it."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += map(int, task.read_text(encoding="ascii").split())
        return found

    def memory(self) -> tuple[float, float]:
        """Bytes held by the service itself and by those that read files; pages that several share are counted once."""
        main, *children = self.tree()
        own = int(Path(f"/proc/{main}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
        readers = 0
        for pid in children:
            with contextlib.suppress(OSError):  # it ended just now
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                if held := re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE):
                    readers += int(held[1]) * 1024
        return float(own), float(readers)

    def cpu(self) -> tuple[float, float]:
        """CPU-seconds of the service itself, and of the processes that it has had."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        readers = 0.0
        for pid in self.tree()[1:]:  # readers are children of one that forks them, and it waits for them
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                readers += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        return own, readers

    def _watch(self) -> None:
        while self._watching and self.process.poll() is None:
            with contextlib.suppress(OSError):  # the process ended just now
                own, readers = self.memory()
                self.peak, self.peak_of_readers = max((self.peak, self.peak_of_readers), (own + readers, readers))
            time.sleep(0.05)

    def connections(self) -> int:
        """Sockets that the process holds."""
        found = 0
        for file in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found += str(file.readlink()).startswith("socket:")
        return found

    def log(self) -> str:
        """What it printed on standard error."""
        self._log.seek(0)
        return self._log.read()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self._watching = False
        self.client.close()
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode
