"""The epsilon of Skellam shares from a ledger's export, by other programs: Google's dp-accounting for the Gaussian run,
SciPy's Bessel functions for what the two laws of the noise differ by.

    sordino ledger show FOLDER --events > events.json
    python3 recompute.py events.json DELTA

Needs numpy, scipy and dp-accounting. Prints what it finds beside `sordino privacy epsilon --events` where a path to
sordino follows."""
import json, math, subprocess, sys
import numpy
from dp_accounting import dp_event, privacy_accountant
from dp_accounting.pld import pld_privacy_accountant
from scipy.optimize import minimize_scalar
from scipy.special import erfc, ive, log_ndtr

SHARE = 1e-3  # of delta, for the difference of the laws


class Coordinate:
    """One coordinate's log ratio h at every integer, exactly as SciPy has it, out to where exp(log_tail) is left."""

    def __init__(self, variance, log_tail):
        deviation = math.sqrt(variance)
        cut = 1.0
        while self.log_tail(variance, cut) > log_tail:
            cut += 0.01
        self.tail = math.exp(self.log_tail(variance, cut))
        # A thousand places from the middle to the cut stand for all integers: h is smooth on the scale of the deviation.
        k = numpy.linspace(0, cut * deviation, 1001)
        q = (erfc((k - 0.5) / deviation / math.sqrt(2)) - erfc((k + 0.5) / deviation / math.sqrt(2))) / 2
        if variance < 3e4:
            h = numpy.log(ive(k, variance)) - numpy.log(q)
        else:
            # The first terms of Debye's expansion: differences of logarithms would have no digits left.
            u = k / deviation
            h = (u**4 - 7 * u**2 + 4) / (24 * variance) - u**6 / 80 / variance**2
        weights = q * (k[1] - k[0])
        weights[[0, -1]] /= 2
        self.h, self.q = h, 2 * weights

    @staticmethod
    def log_tail(variance, cut):
        s = cut / math.sqrt(variance)
        return math.log(2) + max(variance * (math.sqrt(1 + s * s) - 1 - s * math.asinh(s)), log_ndtr(-cut))

    def log_moment(self, tilt, sign):
        """log E[exp(tilt log-ratio)] of the first law over the second, for Skellam (1) or the Gaussian (-1) first."""
        h = sign * self.h
        first = self.q * numpy.exp(self.h) if sign > 0 else self.q
        # The mean of 1 - exp(-h) is the difference of two masses within the cut.
        psi = numpy.expm1(tilt * h) - tilt * h + tilt * (h + numpy.expm1(-h))
        return math.log1p(float((first * psi).sum()) + tilt * self.tail)


def log_ratio(groups, log_delta):
    laws = [(count, Coordinate(v, log_delta - 4 - math.log(count * len(groups)))) for v, count in groups]
    left = log_delta + math.log1p(-sum(count * law.tail for count, law in laws) / math.exp(log_delta))
    worst = 0.0
    for sign in (1, -1):
        def bound(log_tilt):
            tilt = math.exp(log_tilt)
            return (sum(n * law.log_moment(tilt, sign) for n, law in laws) - left) / tilt
        top = math.log(600 / max(abs(law.h).max() for _, law in laws))
        worst = max(worst, minimize_scalar(bound, bounds=(0, top), method="bounded", options={"xatol": 1e-4}).fun)
    return worst


def gaussian(events, delta):
    relation = privacy_accountant.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = pld_privacy_accountant.PLDAccountant(relation, value_discretization_interval=1e-5)
    for event in events:
        one = dp_event.GaussianDpEvent(math.sqrt(event["variance"]) / event["integer_sensitivity"])
        if event.get("sampling", "none") == "poisson":
            one = dp_event.PoissonSampledDpEvent(event["sampling_probability"], one)
        accountant.compose(dp_event.SelfComposedDpEvent(one, event.get("steps", 1)))
    return accountant.get_epsilon(delta)


def epsilon(events, delta):
    groups = [(e["variance"], e["dimension"] * e.get("steps", 1)) for e in events]
    room = 20.0
    while True:
        eta = log_ratio(groups, math.log(SHARE * delta) - math.log1p(math.exp(room)))
        inner = gaussian(events, (1 - SHARE) * delta * math.exp(-eta))
        if inner + eta <= room:
            return inner, eta
        room = 1.1 * (inner + eta)


def main():
    path, delta = sys.argv[1], float(sys.argv[2])
    events = json.load(open(path))
    if not events or any(e["mechanism"] != "skellam" or e.get("adjacency") == "replace-one" for e in events):
        sys.exit(f"{path}: only Skellam events under add-or-remove-one or zero-out are recomputed here")
    inner, eta = epsilon(events, delta)
    print(f"gaussian {inner:.6f}, log ratio {eta:.6f}, together {inner + 2 * eta:.6f}")
    if len(sys.argv) > 3:
        command = [sys.argv[3], "privacy", "epsilon", "--events", path, "--delta", str(delta)]
        stated = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        print(f"sordino  {stated['epsilon']:.6f} ({stated['accountant']})")
        if not inner + 2 * eta * 0.9 <= stated["epsilon"] <= (inner + 2 * eta) * 1.002:
            sys.exit("the two do not agree")


main()
