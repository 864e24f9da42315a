"""CPU-seconds until Interplay is there, each as a process of its own: the least of some repeats.

.venv/bin/python benchmarks/startup.py [--repeats 5]
"""

import argparse
import os
import re
import resource
import subprocess
import sys

COMMANDS = {
    "import interplay": ["-c", "import interplay"],
    "from interplay import explain": ["-c", "from interplay import explain"],
    "interplay evaluate nosuch": ["-m", "interplay", "evaluate", "nosuch"],
    "interplay --help": ["-m", "interplay", "--help"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of one child process, which has to end by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def import_time() -> float:
    """Seconds of `import interplay` itself, as `python -X importtime` adds them up."""
    command = [sys.executable, "-X", "importtime", "-c", "import interplay"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    (total,) = re.findall(r"\|\s+(\d+) \| interplay$", printed, re.MULTILINE)
    return int(total) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; least of {repeats}")
    for name, arguments in COMMANDS.items():
        print(f"{name:32}{min(cpu_seconds(arguments) for _ in range(repeats)):6.2f} CPU-s")
    print(f"{'python -X importtime, interplay':32}{min(import_time() for _ in range(repeats)):6.3f} s")


if __name__ == "__main__":
    main()
