"""Robust rules beside ByzFL and NumPy: 200 random inputs, every coordinate to 1e-6."""
import subprocess, sys, tempfile
import byzfl, numpy

binary = sys.argv[1]
folder = tempfile.mkdtemp()
random = numpy.random.default_rng(1)
WIDTH = 1000


def bulyan(rows, f):
    """El Mhamdi et al. 2018; ByzFL has none."""
    left, chosen = list(range(len(rows))), []
    distances = ((rows[:, None] - rows[None]) ** 2).sum(2)
    while len(chosen) < len(rows) - 2 * f:
        scores = [numpy.sort(distances[i][[j for j in left if j != i]])[: max(0, len(left) - f - 2)].sum() for i in left]
        chosen.append(left.pop(int(numpy.argmin(scores))))
    kept = rows[chosen]
    nearest = numpy.argsort(numpy.abs(kept - numpy.median(kept, 0)), 0, kind="stable")[: len(kept) - 2 * f]
    return numpy.take_along_axis(kept, nearest, 0).mean(0)


def norm_bound(rows, bound):
    return (rows * numpy.minimum(1, bound / numpy.linalg.norm(rows, axis=1))[:, None]).mean(0)


def rules(n):
    """Ours, theirs. ByzFL's Krum counts one neighbour more than the paper: with f + 1 it counts as many."""
    f = int(random.integers(1, (n - 3) // 4 + 1))
    most = (n - 1) // 2
    radius = float(random.uniform(5, 60))
    mixed = lambda rule: lambda rows: rule(byzfl.NNM(f)(rows))
    return [
        ("{rule: 'mean'}", byzfl.Average()),
        ("{rule: 'median'}", byzfl.Median()),
        (f"{{rule: 'trimmed-mean', hostile: {most}}}", byzfl.TrMean(most)),
        (f"{{rule: 'krum', hostile: {f}}}", byzfl.Krum(f + 1)),
        (f"{{rule: 'multi-krum', hostile: {f}, keep: {n - f - 1}}}", byzfl.MultiKrum(f + 1)),
        (f"{{rule: 'bulyan', hostile: {f}}}", lambda rows: bulyan(rows, f)),
        ("{rule: 'geometric-median', passes: 3, smoothing: 0.1, start: 'zero'}", byzfl.GeometricMedian(nu=0.1, T=3)),
        ("{rule: 'geometric-median', start: 'zero'}", byzfl.GeometricMedian(nu=1e-6, T=5)),
        (f"{{rule: 'centred-clipping', radius: {radius}}}", byzfl.CenteredClipping(L=3, tau=radius)),
        (f"{{rule: 'norm-bound', norm: {radius}}}", lambda rows: norm_bound(rows, radius)),
        (f"{{rule: 'trimmed-mean', hostile: {f}, mixing: true}}", mixed(byzfl.TrMean(f))),
        (f"{{rule: 'median', hostile: {f}, mixing: true}}", mixed(byzfl.Median())),
        (f"{{rule: 'geometric-median', hostile: {f}, start: 'zero', mixing: true}}", mixed(byzfl.GeometricMedian(nu=1e-6, T=5))),
        (f"{{rule: 'multi-krum', hostile: {f}, keep: {n - f - 1}, mixing: true}}", mixed(byzfl.MultiKrum(f + 1))),
    ]


jobs, updates, wanted = [], [], []
for _ in range(200):
    n = int(random.integers(9, 41))
    # Updates that share a direction, as those of clients do, and some that do not.
    rows = 0.3 * random.standard_normal((n, WIDTH)) + random.uniform(0, 1) * random.standard_normal(WIDTH)
    rows[: int(random.integers(0, n // 4 + 1))] *= random.uniform(-3, 3)
    rows = random.permutation(rows).astype("<f4")
    for section, rule in rules(n):
        jobs.append(f"{n} {section}")
        updates.append(rows)
        wanted.append((section.split("'")[1] + (" after mixing" if "mixing" in section else ""), rule(rows.astype(float))))

open(f"{folder}/jobs", "w").write("\n".join(jobs) + "\n")
numpy.concatenate(updates).tofile(f"{folder}/updates")
subprocess.run([binary, "combine", str(WIDTH), f"{folder}/jobs", f"{folder}/updates", f"{folder}/out"], check=True)
found = numpy.fromfile(f"{folder}/out", "<f8").reshape(len(jobs), WIDTH)
worst = {}
for (name, value), mine in zip(wanted, found):
    worst[name] = max(worst.get(name, 0.0), float(numpy.abs(mine - value).max()))
for name, error in worst.items():
    print(f"{name:32s} largest difference {error:.1e}")
sys.exit(0 if max(worst.values()) < 1e-6 else 1)
