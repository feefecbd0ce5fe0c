"""Field: the label of every task of every public record at hand, beside what a reader expects.

    python benchmarks/field.py --reference PATH

What was expected is in benchmarks/expected.csv, a line of reason for each, written from the
figures of the scores before the labels were seen.  A label is right, arguable (a careful reader may
say so), over-cautious (undetermined where a reader decides) or wrong.  ``--reference`` is a folder
of published records (data/README.md says where they come from); sets that are not there are left
out.  Rows are saved as they are done in benchmarks/results/field.csv, and those there are kept.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from machine import RESULTS, write

from emergence import Points, Records, classify, load_dataset
from emergence.errors import DataError, MethodRefused

STORE = RESULTS / "field.csv"
EXPECTED = Path(__file__).parent / "expected.csv"
FILES = {
    "gemstones": "gemstones.csv.gz",
    "amber": "amber.csv.gz",
    "olmo_letter": "olmo_letter.csv.gz",
    "open_lm": "open_lm.csv",
    "pythia": "../cases/A1_arc_flat_real.csv",
}
BUNDLED = ("olmo_ladder", "public_reports", "paper3-cpu", "paper28-cpu", "corpora-cpu")
# Of sets that hold runs of another beside their own, that other's family.
BESIDE = {"corpora-cpu": "world5/bpe1500/context128"}
COUNTS = ("right", "arguable", "over-cautious", "wrong")


def groups(reference: Path | None) -> Iterator[tuple[str, Points]]:
    """Every task with the name of its set; its own metric, not a proxy beside it."""
    for name, file in FILES.items():
        if reference is not None and (reference / file).exists():
            frame = pd.read_csv(reference / file)
            records = Records(frame[~(frame["tokens"] <= 0)])  # evaluated before the first step
            yield from ((name, points) for points in records.groups())
    for name in BUNDLED:
        for points in load_dataset(name).groups():
            own = "Gadre" not in points.family and points.family != BESIDE.get(name)
            if points.metric in ("acc", "exact_match") and own:
                yield name, points


def judged(name: str, points: Points, n_boot: int) -> dict[str, object]:
    """One row: label, numbers, how well the common curve fits, seconds."""
    row: dict[str, object] = {"set": name, "family": points.family, "task": points.task}
    row |= {"metric": points.metric, "n": points.size, "n_runs": points.n_runs}
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            verdict = classify(points, n_boot=n_boot, rng=0)
            found = verdict.to_row()
        except (DataError, MethodRefused) as error:
            return row | {"label": "refused", "reason": str(error)}
    row["seconds"] = round(time.process_time() - start, 1)
    kept = ("label", "eta", "eta_low", "eta_high", "rho", "rho_low", "rho_high", "curve", "reason")
    row |= {key: found[key] for key in kept}
    common = verdict.trial.common
    row["own"] = verdict.evidence.own
    row["residual"] = float((common.points.value - common.predict(common.points.loss)).mean())
    row["misfit"] = len(verdict.trial.misfit)
    return row | {"warnings": found["warnings"]}


def counted(found: pd.DataFrame) -> pd.DataFrame:
    """Rows beside what was expected."""
    table = found.merge(pd.read_csv(EXPECTED, keep_default_na=False), on=["set", "task"])
    assert len(table) == len(found), "a task without an expectation"

    def count(r: pd.Series) -> str:
        for name in COUNTS[:2]:
            if r["label"] in r[name].split():
                return name
        return COUNTS[2] if r["label"] in ("undetermined", "refused") else COUNTS[3]

    return table.assign(counted=table.apply(count, axis=1))


def text(table: pd.DataFrame) -> str:
    """Markdown: counts by set, then the rows."""
    lines = [f"| set | tasks | {' | '.join(COUNTS)} | s a task |", "|---|---|---|---|---|---|---|"]
    for name, rows in [*table.groupby("set", sort=False), ("all", table)]:
        shares = [str((rows["counted"] == c).sum()) for c in COUNTS]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(shares)} | {rows.seconds.mean():.1f} |")
    lines += ["", "| set | family | task | label | counted | eta | mean residual | expected |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for r in table.to_dict("records"):
        eta = (
            "" if pd.isna(r["eta"]) else f"{r['eta']:.3f} [{r['eta_low']:.3f}, {r['eta_high']:.3f}]"
        )
        cells = [r["set"], r["family"], r["task"], r["label"], r["counted"], eta]
        lines.append(f"| {' | '.join(cells)} | {r['residual']:+.3f} | {r['right']}: {r['why']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--draws", type=int, default=999)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    store = pd.DataFrame(columns=["set", "family", "task"])
    if STORE.exists():
        store = pd.read_csv(STORE).fillna({"family": ""})
    done = set(store[["set", "family", "task"]].itertuples(index=False, name=None))
    left = [(s, p) for s, p in groups(args.reference) if (s, p.family, p.task) not in done]
    with ProcessPoolExecutor(args.workers) as pool:
        jobs = [pool.submit(judged, name, points, args.draws) for name, points in left]
        for job in jobs:
            store = pd.concat([store, pd.DataFrame([job.result()])])
            store.to_csv(STORE, index=False, float_format="%.4g")
    write("field", "Labels of public records", text(counted(store)))


if __name__ == "__main__":
    main()
