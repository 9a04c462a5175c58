#!/usr/bin/env python3
"""Turns cairn_bench's JSON into tables and plots: report.py RESULTS.json… OUTPUT-DIRECTORY [README].

Reads any number of Google Benchmark files (one run, or several that are shown together, as the one of
bench/workerd), writes TABLE.md and *.svg (with gnuplot, where it is installed) and rewrites the block
between <!-- bench:begin --> and <!-- bench:end --> of the README.
"""
import json
import os
import shutil
import subprocess
import sys

ENGINES = ["cairn", "sqlite_full", "sqlite_normal", "lmdb_sync", "lmdb_nosync", "rocksdb_sync", "rocksdb_nosync",
           "leveldb_sync", "leveldb_nosync", "workerd", "floor"]


def read(paths):
    """By name the first run of each, the second of each, …; and the context of the first file."""
    found, context = {}, None
    for path in paths:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        context = context or data["context"]
        for run in data["benchmarks"]:
            if run.get("run_type", "iteration") != "iteration" or run.get("error_occurred"):
                continue
            found.setdefault(run["name"], []).append(run)
    times = max((len(runs) for runs in found.values()), default=0)
    rounds = [{name: runs[i] for name, runs in found.items() if i < len(runs)} for i in range(times)]
    return rounds, context


def figure(value):
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}"


class Results:
    def __init__(self, runs):
        self.runs = runs

    def get(self, name, key="items_per_second"):
        return self.runs.get(name, {}).get(key)

    def best(self, workload, engine, rest=""):
        """The highest rate of an engine over every number of requests in flight."""
        prefix = f"{workload}/{engine}/"
        rates = [run["items_per_second"] for name, run in self.runs.items() if name.startswith(prefix) and rest in name]
        return max(rates, default=None)


def goals(r):
    """Rows: what, Cairn's figure, against, wanted, the ratio or figure that counts, its unit, met."""
    rows = []

    def ratio(what, ours, against, theirs, least):
        got = ours / theirs if ours and theirs else None
        rows.append((what, figure(ours) + "/s" if ours else "–", f"{against}: {figure(theirs)}/s" if theirs else against,
                     f"≥ {least:g} ×", got, "×", None if got is None else got >= least))

    def at_least(what, ours, least):
        rows.append((what, figure(ours) + "/s" if ours else "–", "", f"≥ {least:,.0f}/s", ours, "/s",
                     None if ours is None else ours >= least))

    def at_most(what, ours, unit, most):
        rows.append((what, f"{figure(ours)} {unit}" if ours is not None else "–", "", f"≤ {most:,g} {unit}", ours, unit,
                     None if ours is None else ours <= most))

    one = "counter/{}/objects:1/inflight:1"
    ratio("one object, one durable commit after another", r.get(one.format("cairn")), "bare fdatasync",
          r.get(one.format("floor")), 0.8)
    ratio("the same", r.get(one.format("cairn")), "workerd, put + sync", r.get(one.format("workerd")), 2)
    many = "counter/{}/objects:1000/inflight:64"
    ratio("1,000 objects, 64 in flight", r.get(many.format("cairn")), "a SQLite file each, FULL",
          r.get(many.format("sqlite_full")), 20)
    ratio("the same", r.get(many.format("cairn")), "LevelDB synced, one store", r.get(many.format("leveldb_sync")), 3)
    ratio("1,000 objects, 1,024 in flight", r.get("counter/cairn/objects:1000/inflight:1024"),
          "a SQLite file each, FULL, 64 threads", r.get(many.format("sqlite_full")), 50)
    ratio("1,000 objects over HTTP, 64 connections", r.get("http/cairn/objects:1000/inflight:64"), "workerd",
          r.get("http/workerd/objects:1000/inflight:64"), 30)
    ratio("one object, 64 in flight", r.get("counter/cairn/objects:1/inflight:64"), "SQLite FULL, one thread",
          r.get(one.format("sqlite_full")), 20)
    ratio("create an object with its first durable put, 64 in flight", r.get("create/cairn/inflight:64"),
          "a SQLite file each, FULL", r.get("create/sqlite_full/inflight:64"), 100)
    at_least("the same", r.get("create/cairn/inflight:64"), 50_000)
    read_keys = "{}/{}/keys:1000000"
    ratio("KV get, 10⁶ keys, 1,000 a turn", r.get("get/cairn/keys:1000000/per_turn:1000"), "bare LMDB",
          r.get("get/lmdb_sync/keys:1000000/per_turn:1000"), 0.8)
    at_least("KV get from the overlay", r.get("get/cairn/keys:10000/per_turn:1000/overlay:1"), 5_000_000)
    ratio("KV list, 10⁶ keys", r.get(read_keys.format("scan", "cairn")), "bare LMDB cursor",
          r.get(read_keys.format("scan", "lmdb_sync")), 0.7)
    ratio("SQL point reads", r.get("sql_point/cairn/rows:100000"), "bare SQLite",
          r.get("sql_point/sqlite_full/rows:100000"), 0.95)
    ratio("SQL range reads, rows", r.get("sql_range/cairn/rows:100000/count:100"), "bare SQLite",
          r.get("sql_range/sqlite_full/rows:100000/count:100"), 0.95)
    ratio("SQL one-row commits, not waiting", r.get("sql_commit/cairn/rows:20000/waited:0"), "SQLite WAL NORMAL",
          r.get("sql_commit/sqlite_normal/rows:20000/waited:0"), 2)
    steady = "sustained/cairn/objects:1000/inflight:64/seconds:20"
    ratio("sustained durable load with rounds running", r.get(steady), "its own burst", r.get(steady, "burst_per_second"), 0.7)
    ratio("random puts of 100 bytes over 10⁶ keys", r.get("put/cairn/keys:1000000/inflight:1024"), "RocksDB, log unsynced",
          r.get("put/rocksdb_nosync/keys:1000000/inflight:1"), 1)
    at_most("deleteAll of 10⁶ keys, with its sync", r.get("delete_all/cairn/keys:1000000", "milliseconds"), "ms", 2)
    at_most("restore of 10⁴ changed keys among 10⁶", r.get("restore/cairn/keys:1000000/changed:10000", "milliseconds"), "ms",
            1000)
    at_most("restore of 2,500 changed pages among 25,000", r.get("restore/cairn/pages:25000/changed:2500", "milliseconds"), "ms",
            1000)
    for what, name in (("increments of 1,000 objects, 64 in flight, their past kept", "history/cairn/objects:1000/inflight:64/rounds:2"),
                       ("one-row SQL commits of one object, 64 in flight, their past kept", "history/cairn/rows:20000/inflight:64/rounds:2")):
        ratio(what, r.get(name, "kept_per_second"), "not kept", r.get(name, "dropped_per_second"), 0.85)
    for kind, text, most in (("indexed_integer", "an indexed integer", 60), ("value_200", "a 200-byte value", 320),
                             ("insert_with_index", "an insert with an index", 1000)):
        at_most(f"change log per commit: {text}", r.get(f"changelog/cairn/{kind}:1/commits:20000", "changelog_bytes_per_commit"),
                "bytes", most)
    at_most("idle KV-only object, resident", r.get("resident/cairn/objects:100000", "idle_bytes_per_object"), "bytes", 512)
    at_most("open KV-only object, resident", r.get("resident/cairn/objects:100000", "open_bytes_per_object"), "bytes", 2048)
    at_most("opening an object (p50)", r.get("open/cairn/objects:1000", "p50_us"), "µs", 20)
    at_most("reopen after a crash, 64 MiB of journal", r.get("recover/cairn/journal_mb:64", "milliseconds"), "ms", 2000)
    return rows


def goals_table(rounds):
    """Where there were several rounds, each row is the middle one's, both sides of it, and of two middle ones the
    worse; with the lowest and highest of all."""
    lines = ["| work | Cairn | against | goal | ratio | spread | |", "| --- | ---: | --- | ---: | ---: | ---: | --- |"]
    each = [goals(one) for one in rounds]
    for rows in zip(*each):
        known = sorted((row for row in rows if row[4] is not None), key=lambda row: row[4],
                       reverse=rows[0][3].startswith("≤")) or rows
        what, ours, against, wanted, got, unit, met = known[(len(known) - 1) // 2]
        values = [row[4] for row in known]
        spread = f"{figure(min(values))}–{figure(max(values))}" if len(values) > 1 else ""
        shown = f"{got:.2f} ×" if unit == "×" and got is not None else ""
        verdict = "not measured" if met is None else "met" if met else "**missed**"
        lines.append(f"| {what} | {ours} | {against} | {wanted} | {shown} | {spread} | {verdict} |")
    return lines


COLUMNS = [("items_per_second", "per second"), ("p50_us", "p50 µs"), ("p99_us", "p99 µs"), ("p99.9_us", "p99.9 µs"),
           ("cpu_us_per_item", "CPU µs"), ("syncs_per_commit", "syncs/commit"), ("written_per_user_byte", "written/byte"),
           ("allocs_per_item", "allocations")]
COMMON = {key for key, _ in COLUMNS} | {"items"}
STANDARD = {"real_time", "cpu_time", "iterations", "repetitions", "repetition_index", "threads", "family_index",
            "per_family_instance_index"}


def detail_tables(r):
    groups = {}
    for name, run in r.runs.items():
        workload, engine, *rest = name.split("/")
        groups.setdefault((workload, "/".join(rest)), {})[engine] = run
    lines = []
    for (workload, rest), by_engine in groups.items():
        ours = by_engine.get("cairn", {}).get("items_per_second")
        columns = [c for c in COLUMNS if any(c[0] in run for run in by_engine.values())]
        lines += ["", f"**`{workload}`** {' '.join(f'`{part}`' for part in rest.split('/') if part)}", "",
                  "| engine | " + " | ".join(title for _, title in columns) + " | Cairn is | also |",
                  "| --- |" + " ---: |" * (len(columns) + 1) + " --- |"]
        for engine in sorted(by_engine, key=lambda e: ENGINES.index(e) if e in ENGINES else 99):
            run = by_engine[engine]
            theirs = run.get("items_per_second")
            ratio = "" if engine == "cairn" or not ours or not theirs else f"{ours / theirs:.2f} ×"
            also = ", ".join(f"{key} {figure(value)}" for key, value in run.items()
                             if isinstance(value, (int, float)) and key not in COMMON and key not in STANDARD)
            lines.append(f"| {engine} | " + " | ".join(figure(run.get(key)) for key, _ in columns) + f" | {ratio} | {also} |")
    return lines


PLOTS = [
    ("counter", "Durable increments per second, 1,000 objects, 64 in flight", "counter/{}/objects:1000/inflight:64"),
    ("one_by_one", "Durable increments per second, one after another", "counter/{}/objects:1/inflight:1"),
    ("get", "Random gets per second, 10⁶ keys", "get/{}/keys:1000000/per_turn:1000"),
    ("scan", "Keys per second in an ordered scan, 10⁶ keys", "scan/{}/keys:1000000"),
    ("ycsb_a", "YCSB A (half reads, half durable updates), 16 in flight", "ycsb_a/{}/keys:100000/inflight:16"),
]


def plot(r, directory):
    if not shutil.which("gnuplot"):
        print("report: gnuplot is not installed, no plots", file=sys.stderr)
        return []
    made = []
    for stem, title, pattern in PLOTS:
        bars = [(engine, r.get(pattern.format(engine))) for engine in ENGINES]
        bars = [(engine, rate) for engine, rate in bars if rate]
        if len(bars) < 2:
            continue
        data = "\n".join(f'"{engine.replace("_", " ")}" {rate} {1 if engine == "cairn" else 0}' for engine, rate in bars)
        script = f"""set terminal svg size 760,340 font "sans,12" background "white"
set output "{os.path.join(directory, stem)}.svg"
set title "{title}"
set logscale y
set yrange [{min(rate for _, rate in bars) / 3}:{max(rate for _, rate in bars) * 3}]
set format y "10^{{%T}}"
set style fill solid 0.9
set boxwidth 0.7
set grid ytics
set xtics rotate by -25
unset key
$bars << END
{data}
END
plot $bars using 0:2:($3 > 0 ? 0x1f6feb : 0x9aa4ad):xtic(1) with boxes linecolor rgb variable, \\
     $bars using 0:2:(sprintf("%.3g", $2)) with labels offset 0,0.7
"""
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        made.append((stem, title))
    return made


def machine(context):
    return (f"{context.get('num_cpus', '?')} CPUs at {context.get('mhz_per_cpu', '?')} MHz, kernel {context.get('kernel', '?')}, "
            f"load {'/'.join(f'{load:.1f}' for load in context.get('load_avg', [])[:3]) or '?'} at the start, "
            f"scale `{context.get('scale', '?')}`, {context.get('date', '?')[:16]}")


def rewrite(readme, lines):
    begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    if begin not in text or end not in text:
        print(f"report: {readme} has no {begin} … {end} block, left as it is", file=sys.stderr)
        return
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(readme, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)


def main():
    arguments = sys.argv[1:]
    readme = arguments.pop() if arguments and arguments[-1].endswith(".md") else None
    if len(arguments) < 2:
        sys.exit(__doc__)
    *paths, directory = arguments
    rounds, context = read(paths)
    rounds = [Results(runs) for runs in rounds]
    first = rounds[0]
    os.makedirs(directory, exist_ok=True)
    table = goals_table(rounds)
    plots = plot(first, directory)
    lines = ["# Measured", "", "Written by `tools/bench`; how to read it is in [../README.md](../README.md).", "",
             machine(context) + ".", "", "## Goals", ""] + table
    if plots:
        lines += ["", "## Plots", ""] + [f"![{title}]({stem}.svg)" for stem, title in plots]
    lines += ["", "## Everything", "", "Of the first run."] + detail_tables(first)
    with open(os.path.join(directory, "TABLE.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    if readme:
        times = f"; of {len(rounds)} runs the middle one by ratio, of two the worse, and the spread" if len(rounds) > 1 else ""
        rewrite(readme, [machine(context) + "; both sides of a row in one run" + times + "; the rest is in "
                         "[bench/results/TABLE.md](bench/results/TABLE.md).", ""] + table)


if __name__ == "__main__":
    main()
