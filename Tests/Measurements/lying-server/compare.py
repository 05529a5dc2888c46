"""Compares what a server received from two agents: bytes and times of every round.

Usage: compare.py LOG LOG BODY ROUNDS: BODY is the length of a report's body. Ends with 1 where a Kolmogorov-Smirnov
test tells the two apart at a level of 0.1 % a figure, or where an agent did not send ROUNDS reports.
"""

import math
import sys


def bursts(path):
    """Pieces of one request belong together: they come within a few milliseconds."""
    found = []
    for line in open(path):
        at, _, count = line.split()
        at, count = float(at), int(count)
        if found and at - found[-1][1] < 0.005:
            found[-1][1] = at
            found[-1][2] += count
        else:
            found.append([at, at, count])
    return found


def rounds(path, body):
    """Of every report: its bytes, and the times before it and before what came before it."""
    found, all_bursts = [], bursts(path)
    for index, (at, _, count) in enumerate(all_bursts):
        if count >= body and index >= 2:
            before, earlier = all_bursts[index - 1], all_bursts[index - 2]
            found.append((count, at - before[1], before[0] - earlier[1]))
    return found


def distance(left, right):
    """Kolmogorov and Smirnov's statistic and its asymptotic significance."""
    values = sorted(set(left) | set(right))
    greatest = max(
        abs(sum(x <= v for x in left) / len(left) - sum(x <= v for x in right) / len(right)) for v in values)
    root = math.sqrt(len(left) * len(right) / (len(left) + len(right)))
    scaled = (root + 0.12 + 0.11 / root) * greatest
    if scaled < 0.3:
        return greatest, 1.0
    tail = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return greatest, min(1.0, max(0.0, tail))


one, two = (rounds(path, int(sys.argv[3])) for path in sys.argv[1:3])
wanted = int(sys.argv[4])
# The first round opens connections.
failed = len(one) < wanted or len(two) < wanted
print(f"reports: {len(one)} and {len(two)}, of {wanted}")
for place, name in enumerate(["bytes", "seconds before the report", "seconds of the frame"]):
    left, right = [x[place] for x in one[1:]], [x[place] for x in two[1:]]
    statistic, significance = distance(left, right)
    failed = failed or significance < 0.001
    middle = [sorted(x)[len(x) // 2] for x in (left, right)]
    print(f"{name}: medians {middle[0]:.6g} and {middle[1]:.6g}, distance {statistic:.3f}, p {significance:.3f}")
sys.exit(1 if failed else 0)
