#!/usr/bin/env python3
"""Train the models of sheaf-extract, and try them on pages they were not trained on.

  cargo run --release -p sheaf-extract --example rows -- PAGES_FOLDER > rows.tsv
  train.py rows.tsv gold.json                 cross-validated figures only
  train.py rows.tsv gold.json --write DIR     also trains on all pages and writes DIR/{blocks,stacked,kinds}.txt

gold.json maps a page's name to {"type": kind, "text": main text}. Needs numpy, scipy and lightgbm; see requirements.txt.
All numbers are repeatable: seeds are fixed.
"""
import argparse
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import lightgbm as lgb
import numpy as np
from scipy.stats import spearmanr

KINDS = ["article", "collection", "documentation", "forum", "listing", "product", "service"]
WORD = re.compile(r"\w+")
FOLDS, SEEDS, SURE = 5, (1, 2), 0.75
SHARED = dict(learning_rate=0.05, bagging_freq=1, verbose=-1, num_threads=2, deterministic=True, force_row_wise=True)
BLOCKS = dict(SHARED, objective="binary", num_leaves=31, min_data_in_leaf=200, feature_fraction=0.3, bagging_fraction=0.7,
              lambda_l2=10)
KIND = dict(SHARED, objective="multiclass", num_class=len(KINDS), num_leaves=5, min_data_in_leaf=8, feature_fraction=0.2,
            bagging_fraction=0.8, lambda_l2=5)
ROUNDS, KIND_ROUNDS = 250, 80
SOURCE = """# Source of the training data: Web Content Extraction Benchmark (Murrough Foley, 2026), CC-BY-4.0; a stratified
# sample of {pages} pages of its development split. Written by train/train.py; do not edit.
"""


def words(text):
    return WORD.findall(text.lower())


def f1(found, wanted):
    if not found or not wanted:
        return float(found == wanted)
    return 2 * sum((Counter(found) & Counter(wanted)).values()) / (len(found) + len(wanted))


def grams(text, n=4):
    tokens = words(text)
    return [tuple(tokens[i:i + n]) for i in range(max(1, len(tokens) - n + 1))]


def label(texts, gold):
    """Which blocks to take for the best F1 against the gold text: those whose runs of four words it has, and short ones
    that it has beside them, improved block by block until no change helps."""
    wanted = words(gold)
    count, runs, joined = Counter(wanted), set(grams(gold)), f" {' '.join(wanted)} "
    lines = {" ".join(words(line)) for line in gold.split("\n")}
    blocks = [words(text) for text in texts]
    share = [np.mean([g in runs for g in grams(t)]) if len(b) >= 4 else None for t, b in zip(texts, blocks)]
    sure = [s is not None and s >= 0.5 for s in share]
    taken = list(sure)
    for i, block in enumerate(blocks):
        if share[i] is None and block and any(sure[max(0, i - 6):i + 7]):
            text = " ".join(block)
            behind = " ".join(blocks[i + 1][:3]) if i + 1 < len(blocks) and sure[i + 1] else None
            before = " ".join(blocks[i - 1][-3:]) if i and sure[i - 1] else None
            taken[i] = (text in lines or (behind is not None and f" {text} {behind} " in joined)
                        or (before is not None and f" {before} {text} " in joined))
    have = Counter(w for t, b in zip(taken, blocks) if t for w in b)
    size, hits = sum(have.values()), sum((have & count).values())
    score = lambda hits, size: 2 * hits / (size + len(wanted)) if size + len(wanted) else 0.0
    for _ in range(4):
        changed = False
        for i, block in enumerate(blocks):
            own = Counter(block)
            sign = -1 if taken[i] else 1
            gain = sum(min(have[w] + sign * n, count[w]) - min(have[w], count[w]) for w, n in own.items())
            if block and score(hits + gain, size + sign * len(block)) > score(hits, size) + 1e-9:
                taken[i] = not taken[i]
                for w, n in own.items():
                    have[w] += sign * n
                size, hits, changed = size + sign * len(block), hits + gain, True
        if not changed:
            break
    return np.array(taken, dtype=float)


def load(rows, gold):
    pages = []
    for line in Path(rows).read_text("utf-8").splitlines():
        name, row = line.split("\t", 1)
        row, want = json.loads(row), gold[name]
        page = dict(name=name, kind=want["type"], gold=want["text"], texts=row["texts"], page=np.array(row["page"], np.float32))
        page["words"] = np.array(row["words"], float)
        page["y"] = label(row["texts"], want["text"])
        own = np.array(row["blocks"], np.float32).reshape(len(row["texts"]), -1 if row["texts"] else 0)
        whole = np.repeat(page["page"][None], len(own), 0)
        kept = np.array(row["kept"], np.float32)[:, None]
        share = np.full((len(own), 1), row["share"], np.float32)
        page["blocks"] = np.hstack([whole, own])
        page["stacked"] = np.hstack([page["blocks"], kept, share])
        pages.append(page)
    return pages


def train_blocks(pages, rows, seed):
    """Every page weighs the same; within a page longer blocks weigh more, by the square root of their words."""
    pages = [p for p in pages if len(p["y"])]
    weights = [np.sqrt(np.maximum(p["words"], 1)) for p in pages]
    data = lgb.Dataset(np.vstack([p[rows] for p in pages]), np.concatenate([p["y"] for p in pages]),
                       weight=np.concatenate([100 * w / w.sum() for w in weights]))
    return lgb.train(dict(BLOCKS, seed=seed), data, ROUNDS)


def train_kinds(pages):
    pages = [p for p in pages if len(p["y"])]
    data = lgb.Dataset(np.stack([p["page"] for p in pages]), np.array([KINDS.index(p["kind"]) for p in pages]))
    return lgb.train(dict(KIND, seed=1), data, KIND_ROUNDS)


def choose(page, p):
    """As src/choice.rs does."""
    if not len(p):
        return "", 0.0
    n, order = page["words"], np.argsort(-p, kind="stable")
    expected = 2 * np.cumsum((p * n)[order]) / np.maximum(np.cumsum(n[order]) + (p * n).sum(), 1e-9)
    best = int(np.argmax(expected))
    return "\n".join(t for t, q in zip(page["texts"], p) if q >= p[order[best]]), float(expected[best])


def folds(pages, seed):
    rng, fold = np.random.RandomState(seed), np.zeros(len(pages), int)
    for kind in KINDS:
        ids = [i for i, p in enumerate(pages) if p["kind"] == kind]
        rng.shuffle(ids)
        for j, i in enumerate(ids):
            fold[i] = j % FOLDS
    return fold


def report(name, pages, results):
    """results: for each page a list of (text, promise), one a seed."""
    by = defaultdict(list)
    for page, tries in zip(pages, results):
        score = np.mean([f1(words(text), words(page["gold"])) for text, _ in tries])
        by["all"].append(score)
        by[page["kind"]].append(score)
        if page["kind"] == "article":
            by["article, 4-grams"].append(np.mean([f1(grams(t), grams(page["gold"])) for t, _ in tries]))
    promise = [np.mean([p for _, p in tries]) for tries in results]
    print(f"{name:8}", "  ".join(f"{k} {np.mean(v):.3f}" for k, v in sorted(by.items())),
          f" rank {spearmanr(promise, by['all'])[0]:.3f}", flush=True)


def curve(pages, results):
    """Mean F1 of pages by promise, made to rise: what src/confidence.rs holds."""
    pairs = sorted((p, f1(words(t), words(page["gold"]))) for page, tries in zip(pages, results) for t, p in tries if t)
    x, y = np.array(pairs).T
    at = [0.4, 0.6, 0.7, 0.8, 0.9, 1.0]
    means = [np.average(y, weights=np.exp(-((x - a) / 0.05) ** 2) + 1e-12) for a in at]
    return [(a, round(float(m), 3)) for a, m in zip(at, np.maximum.accumulate(means))]


def cross_validate(pages):
    found = {"blocks": [[] for _ in pages], "stacked": [[] for _ in pages]}
    right = []
    for seed in SEEDS:
        fold = folds(pages, seed)
        for k in range(FOLDS):
            train, test = ([p for p, f in zip(pages, fold) if (f == k) == same] for same in (False, True))
            kinds = train_kinds(train)
            right += [KINDS[int(kinds.predict(p["page"][None])[0].argmax())] == p["kind"] for p in test if len(p["y"])]
            for rows, results in found.items():
                model = train_blocks(train, rows, seed)
                for i in np.flatnonzero(fold == k):
                    p = model.predict(pages[i][rows]) if len(pages[i]["y"]) else np.zeros(0)
                    results[i].append(choose(pages[i], p))
    auto = [[a if a[1] >= SURE else b for a, b in zip(*both)] for both in zip(found["blocks"], found["stacked"])]
    asked = np.mean([a[1] < SURE for tries in found["blocks"] for a in tries])
    for name, results in [("fast", found["blocks"]), ("auto", auto), ("best", found["stacked"])]:
        report(name, pages, results)
        print("        ", "curve", curve(pages, results))
    print(f"others asked for {asked:.2f} of the pages; kinds right {np.mean(right):.3f}")
    for sure in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        tries = [(a if a[1] >= sure else b, a[1] < sure, p) for p, *both in zip(pages, *found.values()) for a, b in zip(*both)]
        print(f"sure from {sure}: asked {np.mean([t[1] for t in tries]):.2f}",
              f"F1 {np.mean([f1(words(t[0][0]), words(t[2]['gold'])) for t in tries]):.4f}")


def tree_text(node):
    if "leaf_value" in node:
        return f"{node['leaf_value']:.4g}"
    assert node["decision_type"] == "<="
    return f"{node['split_feature']}<{node['threshold']:.6g} {tree_text(node['left_child'])} {tree_text(node['right_child'])}"


def write(path, model, pages):
    trees = [tree_text(t["tree_structure"]) for t in model.dump_model()["tree_info"]]
    path.write_text(SOURCE.format(pages=len(pages)) + "\n".join(trees) + "\n")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("rows")
    args.add_argument("gold")
    args.add_argument("--write", type=Path)
    args.add_argument("--no-check", action="store_true", help="skip cross-validation")
    a = args.parse_args()
    pages = load(a.rows, json.loads(Path(a.gold).read_text("utf-8")))
    if not a.no_check:
        cross_validate(pages)
    if a.write:
        write(a.write / "kinds.txt", train_kinds(pages), pages)
        for rows in ("blocks", "stacked"):
            write(a.write / f"{rows}.txt", train_blocks(pages, rows, 1), pages)


if __name__ == "__main__":
    main()
