"""The table of the comparison, from the figures of each size, system and turn.

    python table.py FOLDER RATE COST TURNS MODE ... -- SIZE ...

FOLDER holds SIZE-MODE-TURN and SIZE-flower-TURN; RATE is that of a bare TLS connection in MB/s, COST its processor time
a byte in ps, both ends.
"""
import json
import sys
from pathlib import Path
from statistics import mean, median


def main():
    folder, rate, cost = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    turns = range(1, int(sys.argv[4]) + 1)
    split = sys.argv.index("--")
    modes, sizes = sys.argv[5:split], sys.argv[split + 1:]
    print("| clients x MB | system | a round, s: median (least to greatest) | times ours "
          "| processor, s: server, clients | times ours | server's peak memory, MB | times ours | a client's MB, down and up "
          "| those bytes over bare TLS, s: time, processor |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in sizes:
        figures = {system: [json.loads((folder / f"{size}-{system}-{turn}").read_text()) for turn in turns]
                   for system in [*modes, "flower"]}
        first = figures[modes[0]]

        def ratio(system, value):
            return median(value(a) / max(value(b), 1e-3) for a, b in zip(figures[system], first))

        for system, values in figures.items():
            seconds = [second for value in values for second in value["seconds"]]
            processor, clients = (median(mean(value[key]) for value in values)
                                  for key in ("processor_seconds", "clients_processor_seconds"))
            peak = max(value["peak_bytes"] for value in values)
            # Flower's own framing is not counted.
            weights = int(float(size.split("x")[1]) * 1e6)
            down, up = (values[0].get(key, weights) / 1e6 for key in ("bytes_down", "bytes_up"))
            wire = int(size.split("x")[0]) * (down + up)
            print(f'| {size} | {"Flower" if system == "flower" else "Sordino, " + system} '
                  f"| {median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f}) "
                  f'| {ratio(system, lambda value: median(value["seconds"])):.1f} '
                  f"| {processor:.3f}, {clients:.3f} "
                  f'| {ratio(system, lambda value: mean(value["processor_seconds"])):.1f}, '
                  f'{ratio(system, lambda value: mean(value["clients_processor_seconds"])):.1f} '
                  f"| {peak / 1e6:.0f} "
                  f'| {ratio(system, lambda value: value["peak_bytes"]):.1f} '
                  f'| {down:.1f}, {up:.1f} | {wire / rate:.3f}, {wire * cost / 1e6:.3f} |')


main()
