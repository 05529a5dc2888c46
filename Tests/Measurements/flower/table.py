"""The table of the comparison, from the figures of each size, system and turn.

    python table.py FOLDER TURNS MODE ... -- SIZE ...      FOLDER holds SIZE-MODE-TURN and SIZE-flower-TURN
"""
import json
import sys
from pathlib import Path
from statistics import mean, median


def main():
    folder, turns = Path(sys.argv[1]), range(1, int(sys.argv[2]) + 1)
    split = sys.argv.index("--")
    modes, sizes = sys.argv[3:split], sys.argv[split + 1:]
    print("| clients x MB | system | a round, s: median (least to greatest) | times ours | processor, s: server, clients "
          "| times ours | server's peak memory, MB | times ours | bytes down, up for each client |")
    print("|---|---|---|---|---|---|---|---|---|")
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
            wire = f'{values[0]["bytes_down"]:,}, {values[0]["bytes_up"]:,}' if "bytes_up" in values[0] else ""
            print(f'| {size} | {"Flower" if system == "flower" else "Sordino, " + system} '
                  f"| {median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f}) "
                  f'| {ratio(system, lambda value: median(value["seconds"])):.1f} '
                  f"| {processor:.3f}, {clients:.3f} "
                  f'| {ratio(system, lambda value: mean(value["processor_seconds"])):.1f}, '
                  f'{ratio(system, lambda value: mean(value["clients_processor_seconds"])):.1f} '
                  f"| {peak / 1e6:.0f} "
                  f'| {ratio(system, lambda value: value["peak_bytes"]):.1f} '
                  f"| {wire} |")


main()
