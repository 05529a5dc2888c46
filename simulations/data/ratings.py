#!/usr/bin/env python3
"""Makes ratings.csv.gz: invented ratings of 120 items by 300 users, whose tastes have four dimensions.

    python3 simulations/data/ratings.py simulations/data/ratings.csv.gz

A rating is 3 + what the user adds + what the item adds + the product of their four numbers + noise, in half points from 0.5
to 5. Every user rates 24 to 48 items, well-known ones more often. The same bytes on every machine.
"""
import gzip
import io
import random
import sys

USERS, ITEMS, TASTES = 300, 120, 4

chance = random.Random(20)
items = [([chance.gauss(0, 0.7) for _ in range(TASTES)], chance.gauss(0, 0.4)) for _ in range(ITEMS)]
popularity = [1 / (1 + place) ** 0.5 for place in range(ITEMS)]
lines = ["user,item,rating"]
for user in range(USERS):
    tastes, offset = [chance.gauss(0, 0.7) for _ in range(TASTES)], chance.gauss(0, 0.4)
    rated = sorted(range(ITEMS), key=lambda item: chance.random() ** (1 / popularity[item]), reverse=True)
    for item in sorted(rated[: chance.randint(24, 48)]):
        qualities, bias = items[item]
        score = 3 + offset + bias + sum(a * b for a, b in zip(tastes, qualities)) + chance.gauss(0, 0.3)
        lines.append(f"u{user + 1:03},i{item + 1:03},{min(5.0, max(0.5, round(2 * score) / 2))}")

with open(sys.argv[1], "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
    packed.write(("\n".join(lines) + "\n").encode())
