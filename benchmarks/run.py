"""Run every measurement and write benchmarks/RESULTS.md, with the date and the command of each.

    make bench        or        python benchmarks/run.py [name ...] [-- arguments of the one that is named]

Sections that are not run keep the result they had, and so does what stands before the first. What follows
`<!-- read -->` in a section is a person's reading of it: it is kept when the section is renewed, under the date it was
written, and is theirs to renew.
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
    "agreement": "Does what several trainings say of real films hold in each other?",
    "any_model": "Ready-made models: planted pairs in a true architecture, and what pairs of a dual encoder cost",
    "real_data": "Is it better than what it has to beat, on real data?",
    "what_if": "Do the what-if's intervals hold?",
    "leakage": "What a feature tells of its neighbour",
    "coverage": "Intervals of games with known scores",
    "interactions": "Pair scores at equal evaluations: games of terms",
    "trained_games": "Pair scores at equal evaluations: trained models",
    "peers": "Pair scores beside shapiq's newest approximators, on games that are not ours",
    "unit_cost": "What one answer costs",
    "plain_way": "What is saved against the plain way",
    "speed": "What one process takes",
    "before": "What is spent beside an earlier commit",
    "gpu": "What one GPU makes of the work",
    "large_block": "A block of 32 words x 49 cells",
    "study": "The paper's experiments",
    "kills": "`kill -9` at random moments, flipped bits, two at once",
    "memory": "Time and memory as data grows",
    "service": "What the service stands",
    "mistakes": "How soon mistakes are answered",
    "inputs": "What people bring: check and train agree, and no picture breaks the reader",
    "pages": "How soon pages are seen",
}
ALONE = {"peers": ["make", "--silent", "peers"]}  # hours, in an environment of its own: only when it is named
NAMED = ("agreement", "real_data", "speed", "before", "gpu")  # of what is named, or of a GPU
READ = "<!-- read -->"
HEAD = re.compile(r"^<!-- (\w+) -->$", re.MULTILINE)


def sections() -> dict[str, str]:
    """Name -> text of the sections that are there, in their order; "" is what stands before the first."""
    first, *parts = HEAD.split(RESULTS.read_text(encoding="utf-8"))
    found, name = {"": first.strip()}, ""
    for head, text in zip(parts[::2], parts[1::2], strict=True):
        if head == "read":  # which is part of a section
            found[name] += f"\n\n{READ}\n{text.strip()}"
        else:
            name = head
            found[name] = text.strip()
    return found


def measure(name: str, arguments: list[str]) -> str:
    """Run one benchmark, showing its progress, and return its section."""
    start, lines = time.perf_counter(), []
    command = ALONE.get(name, [sys.executable, str(HERE / f"{name}.py"), *arguments])
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
    shown = "make peers" if name in ALONE else " ".join(["python", f"benchmarks/{name}.py", *arguments])
    when = f"{datetime.date.today()}, `{shown}`, {platform.machine()}, "
    return f"## {SECTIONS[name]}\n\n{when}{time.perf_counter() - start:.0f} s\n\n{body}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Run measurements and write RESULTS.md.")
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(SECTIONS)}; all but {', '.join((*ALONE, *NAMED))} if none is named"
    )
    named, arguments = sys.argv[1:], list[str]()
    if "--" in named:
        named, arguments = named[: named.index("--")], named[named.index("--") + 1 :]
    names = parser.parse_args(named).names or [name for name in SECTIONS if name not in (*ALONE, *NAMED)]
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    if arguments and len(names) != 1:
        parser.error("arguments are of one benchmark: name it alone")
    for name in names:
        texts = sections()
        _, marker, reading = texts.get(name, "").partition(READ)
        texts[name] = measure(name, arguments) + (f"\n\n{marker}{reading}" if marker else "")
        first = texts.pop("")
        kept = [f"<!-- {n} -->\n{text}" for n, text in texts.items()]
        RESULTS.write_text("\n\n".join([first, *kept]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
