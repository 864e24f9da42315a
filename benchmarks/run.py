"""Run every measurement and write benchmarks/RESULTS.md, with the date and the command of each.

    make bench        or        python benchmarks/run.py [name ...]

Sections that are not run keep the result they had. What follows `<!-- read -->` in a section is a person's reading of
it: it is kept when the section is renewed, under the date it was written, and is theirs to renew.
"""

import argparse
import datetime
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
SECTIONS = {
    "first_light": "First light: three models on scenes, and the pairs planted in them",
    "valid_probes": "Valid probes: the planted pairs, over seeds and choices",
    "ownership": "Which expert owns which pair: roles by construction beside roles by losses",
    "image_encoders": "The packaged image encoders",
    "claims": "Is the first sentence true? Claims against the planted truth",
    "agreement": "Do trainings that differ in their seed say the same?",
    "real_data": "Is it better than what it has to beat, on real data?",
    "what_if": "Do the what-if's intervals hold?",
    "leakage": "What a feature tells of its neighbour",
    "coverage": "Intervals of games with known scores",
    "interactions": "Pair scores at equal evaluations: games of terms",
    "trained_games": "Pair scores at equal evaluations: trained models",
    "peers": "Pair scores beside shapiq's newest approximators, on games that are not ours",
    "unit_cost": "What one answer costs",
    "large_block": "A block of 32 words x 49 cells",
    "study": "The paper's experiments",
    "kills": "`kill -9` at random moments, flipped bits, two at once",
    "memory": "Time and memory as data grows",
    "service": "What the service stands",
    "inputs": "What people bring: check and train agree, and no picture breaks the reader",
    "pages": "How soon pages are seen",
}
ALONE = {"peers": ["make", "--silent", "peers"]}  # hours, in an environment of its own: only when it is named
READ = "<!-- read -->"
INTRO = """# Results

What `make bench` measured last. Each section names its date, command and machine; `python benchmarks/run.py NAME`
renews one section. ± is a 95% interval over samples.
"""


def sections() -> dict[str, str]:
    """Name -> text of the sections that are there."""
    if not RESULTS.exists():
        return {}
    heads = rf"^<!-- ({'|'.join(SECTIONS)}) -->$"  # not READ, which is part of a section
    parts = re.split(heads, RESULTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def measure(name: str) -> str:
    """Run one benchmark, showing its progress, and return its section."""
    start, lines = time.perf_counter(), []
    command = ALONE.get(name, [sys.executable, str(HERE / f"{name}.py")])
    with subprocess.Popen(
        command, cwd=HERE.parent if name in ALONE else None, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip())
    if process.returncode:
        raise SystemExit(f"{name} failed with exit code {process.returncode}")
    result = "\n".join(lines)
    table = result.find("|") if "###" not in result else result.find("###")  # progress comes before
    body = result[table:] if table >= 0 and "┏" not in result else f"```\n{result.strip()}\n```"
    shown = "make peers" if name in ALONE else f"python benchmarks/{name}.py"
    when = f"{datetime.date.today()}, `{shown}`, {platform.machine()}, "
    return f"## {SECTIONS[name]}\n\n{when}{time.perf_counter() - start:.0f} s\n\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Run measurements and write RESULTS.md.")
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(SECTIONS)}; all but {', '.join(ALONE)} if none is named"
    )
    texts = sections()
    names = parser.parse_args().names or [name for name in SECTIONS if name not in ALONE]
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    for name in names:
        _, marker, reading = texts.get(name, "").partition(READ)
        texts[name] = measure(name) + (f"\n\n{marker}{reading}" if marker else "")
        kept = [f"<!-- {n} -->\n{texts[n]}" for n in SECTIONS if n in texts]
        RESULTS.write_text("\n\n".join([INTRO.strip(), *kept]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
