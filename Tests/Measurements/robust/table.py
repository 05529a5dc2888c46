"""Accuracy of every rule under every attack, and how often back doors open: two tables in Markdown."""
import concurrent.futures, json, os, subprocess, sys, tempfile

binary, data, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3])
folder = tempfile.mkdtemp()
RULES = {
    "mean": '{rule:"mean"}',
    "median": '{rule:"median",hostile:4}',
    "trimmed-mean": '{rule:"trimmed-mean",hostile:4}',
    "krum": '{rule:"krum",hostile:4}',
    "multi-krum": '{rule:"multi-krum",hostile:4}',
    "bulyan": '{rule:"bulyan",hostile:4}',
    "geometric-median": '{rule:"geometric-median",hostile:4}',
    "centred-clipping": '{rule:"centred-clipping",hostile:4,radius:0.5}',
    "norm-bound": '{rule:"norm-bound",norm:1}',
    "mixing, trimmed-mean": '{rule:"trimmed-mean",hostile:4,mixing:true}',
    "mixing, median": '{rule:"median",hostile:4,mixing:true}',
    "mixing, geometric-median": '{rule:"geometric-median",hostile:4,mixing:true}',
    "mixing, multi-krum": '{rule:"multi-krum",hostile:4,mixing:true}',
    "buckets of 2, median": '{rule:"median",hostile:4,bucketing:2}',
}
ATTACKS = {
    "none": "null",
    "label-flip": '{name:"label-flip"}',
    "sign-flip 10": '{name:"sign-flip",scale:10}',
    "gaussian 1": '{name:"gaussian"}',
    "zero": '{name:"zero"}',
    "alie 1.5": '{name:"little-is-enough",z:1.5}',
    "alie 10": '{name:"little-is-enough",z:10}',
    "ipm 0.5": '{name:"inner-product",scale:0.5}',
    "ipm 10": '{name:"inner-product",scale:10}',
    "min-max": '{name:"min-max"}',
    "back-door": '{name:"back-door"}',
    "replacement": '{name:"model-replacement"}',
}
PARTITIONS = {"IID": '{scheme:"iid",examples_per_client:500}', "Dirichlet(0.3)": None}


def run(rule, attack, partition, seed):
    out = os.path.join(folder, f"{rule}-{attack}-{partition}-{seed}".replace(" ", "_"))
    command = [binary, "simulate", "simulations/hostile.json5", "--quiet", "--overwrite", "--out", out, "--workers", "1"]
    command += ["--seed", str(seed), "--set", f"simulation.data.path={data}", "--set", f"task.robust={RULES[rule]}"]
    command += ["--set", f"simulation.attack={ATTACKS[attack]}"]
    if PARTITIONS[partition]:
        command += ["--set", f"simulation.partition={PARTITIONS[partition]}"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        summary = json.load(open(os.path.join(out, "summary.json")))
    except OSError:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    # A model that is no number any more ends the run: it guesses.
    accuracy = summary["final_accuracy"] if summary["rounds_completed"] == 30 else None
    return accuracy or 0.1, (summary["attack"] or {}).get("success_rate")


jobs = [(r, a, p, s) for p in PARTITIONS for r in RULES for a in ATTACKS for s in range(1, seeds + 1)]
with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
    results = dict(zip(jobs, pool.map(lambda job: run(*job), jobs)))
for partition in PARTITIONS:
    print(f"\n{partition}: accuracy on the test images after 30 rounds, in percent\n")
    print("| rule | " + " | ".join(ATTACKS) + " | worst |\n|" + "---|" * (len(ATTACKS) + 2))
    for rule in RULES:
        means = [sum(results[rule, a, partition, s][0] for s in range(1, seeds + 1)) / seeds for a in ATTACKS]
        print(f"| {rule} | " + " | ".join(f"{100 * m:.1f}" for m in means) + f" | {100 * min(means[1:]):.1f} |")
    print(f"\n{partition}: marked images taken for the target, in percent\n")
    print("| rule | back-door | replacement |\n|---|---|---|")
    for rule in RULES:
        rates = [sum(results[rule, a, partition, s][1] or 0 for s in range(1, seeds + 1)) / seeds for a in ("back-door", "replacement")]
        print(f"| {rule} | " + " | ".join(f"{100 * r:.1f}" for r in rates) + " |")
