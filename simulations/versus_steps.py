"""Steps of training here and in PyTorch, in turns on one thread each: what `versus steps` does."""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

STEPS = ["cnn-batch-10", "cnn-batch-50", "resnet-8-batch-10", "resnet-18-batch-10", "char-lstm-batch-10",
         "gru-text-batch-10", "char-gpt-batch-10", "char-gpt-batch-32"]
LARGE = ["gpt2-124m-batch-1", "gpt2-124m-lora-batch-1"]


class Peer:
    """A PyTorch that stays loaded and is asked for one step after the other."""

    def __init__(self, python, environment):
        self.process = subprocess.Popen(
            [python, str(FOLDER / "versus-steps-pytorch.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment)

    def seconds(self, step):
        try:
            print(step, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer)["seconds"] if answer else sys.exit("PyTorch ended early: see above")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def ours(binary, step, repetitions):
    """The figures of one step by their names, the private one's included where there is one."""
    large = ["--large"] if step in LARGE else []
    run = subprocess.run(
        [binary, "training", "--only", f"training/{step}", "--repetitions", str(repetitions), "--format", "json",
         *large], capture_output=True, text=True)
    if not run.stdout.startswith("{"):
        sys.exit(f"sordino-bench failed: {run.stderr.strip()}")
    # One below its floor is not to be believed: the turn does not count.
    print(run.stderr, file=sys.stderr, end="")
    return {figure["name"]: figure for figure in json.loads(run.stdout)["figures"]}


def turn(binary, peer, step, arguments, found):
    """Measures a step here, then there, and keeps both with what the step is held against."""
    figures = ours(binary, step, arguments.repetitions)
    theirs = peer.seconds(step)
    if (mine := figures.get(f"training/{step}")) is None:
        return
    floor = mine["seconds"] / mine["ratio"]
    private = figures.get(f"training/{step}-clipped-per-example")
    found.setdefault(step, []).append(
        {"ours": mine["seconds"], "theirs": theirs, "floor": floor, "private": private and private["ratio"]})


def show(found):
    print("| a step of training, one thread, processor time | here | PyTorch | times ours: median (least to greatest) "
          "| products alone, at their best | multiple here; PyTorch | with clipping per example |")
    print("|---|---|---|---|---|---|---|")
    for step, turns in found.items():
        def median(key):
            return statistics.median(taken[key] for taken in turns)

        ratios = [taken["theirs"] / taken["ours"] for taken in turns]
        private = f"{median('private'):.2f} times" if turns[0]["private"] else ""
        mine, theirs, floor = (median(key) for key in ("ours", "theirs", "floor"))
        print(f"| {step} | {1e3 * mine:.2f} ms | {1e3 * theirs:.2f} ms | {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f}) | {1e3 * floor:.2f} ms | {mine / floor:.2f}; "
              f"{theirs / floor:.2f} | {private} |")


def main(words, limits):
    """Runs with the command line behind `steps`; `limits` hold a peer to the vectors that are allowed us."""
    parser = argparse.ArgumentParser(prog="versus steps", description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3, help="of ours in one turn")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has PyTorch")
    parser.add_argument("--large", action="store_true", help="GPT-2 of 124M parameters too: 3 GB on either side")
    parser.add_argument("--only", action="append", choices=STEPS + LARGE, help="a step; may be repeated")
    parser.add_argument("--binary", default=str(FOLDER.parent / ".build/release/sordino-bench"))
    arguments = parser.parse_args(words)
    if not Path(arguments.binary).is_file():
        sys.exit(f"{arguments.binary} is missing: swift build -c release --product sordino-bench, or give --binary")
    peer = Peer(arguments.python, dict(os.environ, **limits))
    found = {}
    try:
        for number in range(arguments.turns):
            for step in arguments.only or STEPS + (LARGE if arguments.large else []):
                turn(arguments.binary, peer, step, arguments, found)
            print(f"turn {number + 1} of {arguments.turns}", file=sys.stderr)
        peer.end()
    except KeyboardInterrupt:
        print("interrupted: the table is of what was measured", file=sys.stderr)
    show(found)
