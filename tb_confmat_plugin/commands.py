"""What each command of `tb-confmat` does with its arguments. Each returns an exit code."""

import argparse
import csv
import io
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any

from tb_confmat_plugin.changes import Change, aligned, cell_changes, class_changes
from tb_confmat_plugin.cli import WORSE
from tb_confmat_plugin.export import FORMATS, guarded
from tb_confmat_plugin.progress import over
from tb_confmat_plugin.reader import AbsentWarning, LoggedMatrices, LoggedMatrix, absent, listed, read_confusion_matrices
from tb_confmat_plugin.terminal import Progress, count, draw_matrix, number_of, printable, share, table

_MAIN_METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "matthews_corrcoef", "cohen_kappa")
_MAIN_CLASS_METRICS = ("support", "predicted", "precision", "recall", "f1")
_ROUNDING = 1e-12  # of the difference of two shares: a fall from 100 to 95 of 100 is none of more than 0.05
_COUNTS = frozenset(("steps", "classes", "samples", "total", "support", "predicted"))

# Options of `convert` that do not go with each source.
_ONLY_WITH = {
    "scalars": ("logdir",),
    "missing": ("logdir",),
    "weights": ("logdir", "matrix"),
    "columns": ("predictions",),
    "step": ("predictions", "matrix"),
}

Row = dict[str, Any]


def list_command(args: argparse.Namespace) -> int:
    """A row for each run and tag."""
    rows = []
    for (run, tag), group in groupby(_read(args), lambda logged: (logged.run, logged.tag)):
        series = list(group)
        last = series[-1].matrix
        first_step, last_step = series[0].step, series[-1].step
        rows.append(
            {
                "run": run,
                "tag": tag,
                "steps": len(series),
                "first_step": first_step,
                "last_step": last_step,
                "classes": last.num_classes,
                "samples": last.total,
                "last_logged": _date(series[-1].wall_time),
            }
        )
    _print_rows(rows, list(rows[0]), args.format, left=2)
    return 0


def _date(wall_time: float) -> str | None:
    """Date and time of the place, or None for a time that no calendar has: a log may say anything."""
    try:
        return datetime.fromtimestamp(wall_time).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return None


def show_command(args: argparse.Namespace) -> int:
    """One matrix, drawn."""
    (logged,) = _picked(_read(args, args.run, args.tag), args.run, args.tag, args.step, single=True)
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    color = args.color == "always" or (args.color == "auto" and terminal)
    print(printable(_place(logged)))
    print(draw_matrix(logged.matrix, args.width, color=color, normalize=args.normalize))
    return 0


def metrics_command(args: argparse.Namespace) -> int:
    """A row for each matrix, or for each class of each."""
    rows: list[Row] = []
    picked = _picked(_read(args, args.run, args.tag), args.run, args.tag, args.step)
    with closing(Progress(sys.stderr, "measuring")) as bar:
        for logged in over(picked, bar):
            place: Row = {"run": logged.run, "tag": logged.tag, "step": logged.step}
            if args.per_class:
                rows += [{**place, **row} for row in _class_rows(logged)]
            else:
                rows.append({**place, **logged.matrix.metrics()})
    places = ["run", "tag", "step", *(["class"] if args.per_class else [])]
    known = [name for name in rows[0] if name not in places]
    for name in args.metric or ():
        if name not in known:
            raise ValueError(f"there is no metric {name!r}{' of a class' * args.per_class}; there are {', '.join(known)}")
    main = _MAIN_CLASS_METRICS if args.per_class else _MAIN_METRICS
    chosen = args.metric or (main if args.format == "table" else known)
    _print_rows(rows, [*places, *chosen], args.format, left=4 if args.per_class else 2)
    return 0


def _class_rows(logged: LoggedMatrix) -> list[Row]:
    matrix = logged.matrix
    columns: dict[str, list[float]] = {}
    for name, values in matrix.per_class().items():
        if values.ndim == 1:
            columns[name] = values.tolist()
        else:
            columns[name.replace("_interval", "_low")], columns[name.replace("_interval", "_high")] = values.T.tolist()
    rows = zip(*columns.values(), strict=True)
    return [{"class": matrix.classes[index], **dict(zip(columns, row, strict=True))} for index, row in enumerate(rows)]


def diff_command(args: argparse.Namespace) -> int:
    """Metrics, classes and cells of two matrices, side by side."""
    bound = args.fail_if_worse
    if bound is not None and not 0 <= bound <= 1:
        raise ValueError(f"expected the bound of --fail-if-worse from 0 to 1, got {bound:g}")
    if args.significant and bound is None:
        raise ValueError("--significant says which falls make the command fail; pass --fail-if-worse with their bound, too")
    found = _read(args, tag=args.tag)
    pair = []
    for text in (args.before, args.after):
        run, step = _endpoint(text, {logged.run for logged in found})
        pair += _picked(found, run, args.tag, step, single=True, run_by="as in RUN@STEP")
    before, after = pair
    if bound is not None:  # of a damaged log an earlier step would pass for the last
        read_confusion_matrices(args.logdir, run=[before.run, after.run], tag=before.tag, errors="raise")
    first, second, differ = aligned(before.matrix, after.matrix)
    if differ is not None:
        print(f"tb-confmat: {printable(differ)}", file=sys.stderr)
    classes, cells = class_changes(first, second, args.metric), cell_changes(first, second)
    worse = [] if bound is None else [change for change in classes if _is_worse(change, bound, args.significant)]
    args.exit_code = WORSE if worse else 0  # also if nobody reads on
    try:
        if args.format == "json":
            _print_json(_diff_object(before, after, args.metric, classes, cells, worse))
        else:
            _print_diff(before, after, args, classes, cells)
    finally:
        for change in worse:
            fall = f"fell by {-change.change:.3f}, from {change.before:.3f} to {change.after:.3f}, more than {bound:g}"
            if math.isnan(change.after):
                reason = "the class has no samples" if args.metric == "recall" else "the class is never predicted"
                fall = f"was {change.before:.3f} and is undefined now: {reason}"
            print(f"tb-confmat: worse: {printable(change.true)}: {args.metric} {fall}", file=sys.stderr)
    return int(args.exit_code)


def _is_worse(change: Change, bound: float, significant: bool) -> bool:
    """Whether it makes the command fail; what became undefined does, as no test can say that it is as good as before."""
    if math.isnan(change.after):
        return not math.isnan(change.before)
    return change.change < -bound - _ROUNDING and (change.significant or not significant)


def _endpoint(text: str, runs: set[str]) -> tuple[str | None, int | str]:
    """Run and step; a run may be called with an @ itself."""
    found = re.fullmatch(r"(.*)@(-?\d+|first|last)", text)
    if found is None or text in runs:
        return text, "last"
    return found[1] or None, found[2] if found[2] in ("first", "last") else int(found[2])


def _diff_object(
    before: LoggedMatrix, after: LoggedMatrix, metric: str, classes: list[Change], cells: list[Change], worse: list[Change]
) -> Row:
    def sides(logged: LoggedMatrix) -> Row:
        return {"run": logged.run, "tag": logged.tag, "step": logged.step, "metrics": logged.matrix.metrics()}

    def changes(found: list[Change]) -> list[Row]:
        return [{**asdict(each), "change": each.change, "significant": each.significant} for each in found]

    return {
        "before": sides(before),
        "after": sides(after),
        "metric": metric,
        "classes": [{"class": row.pop("true"), **{k: v for k, v in row.items() if k != "predicted"}} for row in changes(classes)],
        "cells": changes(cells),
        "worse": [change.true for change in worse],
    }


def _print_diff(before: LoggedMatrix, after: LoggedMatrix, args: argparse.Namespace, classes: list[Change], cells: list[Change]) -> None:
    print(printable(f"before: {_place(before)}"))
    print(printable(f"after:  {_place(after)}"))
    whole = [logged.matrix.metrics() for logged in (before, after)]
    rows = [(name, share(whole[0][name]), share(whole[1][name]), _signed(whole[1][name] - whole[0][name])) for name in _MAIN_METRICS]
    print(f"\n{table(('metric', 'before', 'after', 'change'), rows)}")
    for what, changes in ((f"{args.metric} of each class", classes), ("share of the true class in each wrong cell", cells)):
        names = ("class",) if changes is classes else ("true", "predicted")
        shown = changes[: args.top]
        significant = sum(change.significant for change in changes)
        print(f"\n{what}: {len(shown)} of {len(changes)}, those that {'fell' if changes is classes else 'changed'} most first;", end=" ")
        print(f"{significant} of all significant (*)")
        head = (*names, "samples", "before", "after", "change", "p adjusted", "")
        print(table(head, [_change_row(change, len(names)) for change in shown], left=len(names)))


def _change_row(change: Change, names: int) -> tuple[str, ...]:
    samples = f"{count(change.trials_before)} / {count(change.trials_after)}"
    p_value = "<0.0001" if change.adjusted_p_value < 0.0001 else share(change.adjusted_p_value, 4)
    shares = share(change.before), share(change.after), _signed(change.change), p_value
    return *(change.true, change.predicted or "")[:names], samples, *shares, "*" if change.significant else ""


def _signed(value: float) -> str:
    return "n/a" if math.isnan(value) else "0.000" if abs(value) < 0.0005 else f"{value:+.3f}"


def export_command(args: argparse.Namespace) -> int:
    """Bytes to a file or to stdout."""
    form = FORMATS[args.format]
    if args.normalize and not form.shares:
        raise ValueError(f"{args.format} holds counts; leave --normalize out, or take csv-dense, latex, png or svg")
    if args.no_examples and not form.examples:
        raise ValueError(f"{args.format} has no examples; leave --no-examples out")
    if form.binary and args.output is None and sys.stdout.isatty():
        raise ValueError(f"{args.format} is nothing for a terminal; pass --output FILE")
    step = args.step or ("last" if form.single else "all")
    found = _read(args, args.run, args.tag, examples=form.examples and not args.no_examples)
    picked = _picked(found, args.run, args.tag, step, single=form.single)
    with closing(Progress(sys.stderr, "writing")) as bar:
        data = form.write(picked, args.normalize, bar)
    if args.output is None and sys.stdout.isatty():
        print(_for_terminal(data.decode()), end="")
        return 0
    if args.output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return 0
    with open(args.output, "wb") as file:
        file.write(data)
    size = f", {len(data) / 1e6:,.1f} MB" if len(data) >= 1e5 else ""
    print(f"{args.output}: {number_of(len(picked), 'matrix', 'matrices')}{size}", file=sys.stderr)
    return 0


def convert_command(args: argparse.Namespace) -> int:
    """Says what was understood, and writes it."""
    from tb_confmat_plugin.convert import convert_scalars, write_log
    from tb_confmat_plugin.convert_csv import convert_matrix, convert_predictions

    _refuse_options_of_others(args)
    if args.logdir is None and args.output is None:
        raise ValueError("pass --output with the log directory to write to")
    if args.predictions is not None and args.tag is None:
        raise ValueError("predictions have no tag; pass --tag")
    if args.predictions is not None and args.transposed:
        raise ValueError("the columns say which class is true and which predicted; exchange them with --columns, not with --transposed")
    if "://" in (args.output or args.logdir):
        raise ValueError(f"cannot write to {args.output or args.logdir}; pass a local directory as --output")
    with closing(Progress(sys.stderr, "converting")) as bar:
        if args.predictions is not None:
            found = convert_predictions(
                args.predictions,
                args.tag,
                step=args.step,
                columns=args.columns,
                class_names=args.class_names,
                first_class=args.first_class,
                progress=bar,
            )
        elif args.matrix is not None:
            found = convert_matrix(
                args.matrix,
                args.tag,
                step=args.step,
                class_names=args.class_names,
                first_class=args.first_class,
                transposed=args.transposed,
                weights=args.weights,
                progress=bar,
            )
        else:
            found = convert_scalars(
                args.logdir,
                args.scalars,
                tag=args.tag,
                class_names=args.class_names,
                transposed=args.transposed,
                first_class=args.first_class or 0,
                missing=args.missing or "refuse",
                weights=args.weights,
                progress=bar,
            )
    for sentence in found.understood:
        print(printable(sentence))
    if args.dry_run:
        print(f"{number_of(len(found.matrices), 'matrix', 'matrices')}; nothing was written")
        return 0
    with closing(Progress(sys.stderr, "writing")) as bar:
        paths = write_log(args.output or args.logdir, found.matrices, bar)
    for path in paths:
        print(f"wrote {path}")
    return 0


def _refuse_options_of_others(args: argparse.Namespace) -> None:
    source = next(name for name in ("logdir", "predictions", "matrix") if getattr(args, name) is not None)
    for option, sources in _ONLY_WITH.items():
        given = getattr(args, option)
        if source not in sources and given is not None and given is not False:  # 0 is a step
            raise ValueError(f"--{option} says nothing about --{source}; leave it out")


Runs = str | list[str] | None  # one, some or all


def _read(args: argparse.Namespace, run: Runs = None, tag: str | None = None, *, examples: bool = False) -> LoggedMatrices:
    """The matrices of runs and a tag; if there are none, all, so that a message can say what there is."""
    with closing(Progress(sys.stderr, "reading")) as bar:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AbsentWarning)  # which is an error here, told by `_picked`
            try:
                found = read_confusion_matrices(args.logdir, run=run, tag=tag, examples=examples, progress=bar)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"{error}; pass --logdir with the one to read") from error
        if not {*_names(run)} <= {logged.run for logged in found} or (tag and not found):
            found = read_confusion_matrices(args.logdir, progress=bar)
    if not found:
        way_out = "pass another --logdir, or make them of scalars, one a cell, or of CSV files by tb-confmat convert"
        raise ValueError(f"there are no confusion matrices in {args.logdir}; {way_out}")
    return found


def _picked(
    found: LoggedMatrices, run: Runs, tag: str | None, step: int | str, *, single: bool = False, run_by: str = "by --run"
) -> list[LoggedMatrix]:
    """The matrices of these names at this step; one of several must be named where only one will do, a run as `run_by` says."""
    for what, names in (("run", _names(run)), ("tag", _names(tag))):
        there = sorted({getattr(logged, what) for logged in found})
        for name in names:
            if name not in there:
                raise ValueError(absent(what, name, there))
        chosen = [name for name in there if name in names or not names]
        if single and len(chosen) > 1:
            raise ValueError(f"there are several {what}s: {listed(chosen)}; name one {run_by if what == 'run' else 'by --tag'}")
        found = LoggedMatrices(logged for logged in found if getattr(logged, what) in chosen)
    if single and step == "all":
        raise ValueError("expected one step, or first or last, got all")
    series = [list(group) for _, group in groupby(found, lambda logged: (logged.run, logged.tag))]
    if step == "all":
        return list(found)
    if isinstance(step, str):
        return [each[-1 if step == "last" else 0] for each in series]
    picked = [logged for logged in found if logged.step == step]
    if not picked:
        steps = sorted({logged.step for logged in found}, key=lambda other: (abs(other - step), other))
        nearest = ", ".join(map(str, sorted(steps[:5])))
        raise ValueError(f"nothing was logged at step {step}; the nearest steps of {len(steps):,} are {nearest}")
    return picked


def _names(names: Runs) -> list[str]:
    return [names] if isinstance(names, str) else names or []


def _place(logged: LoggedMatrix) -> str:
    return f"run {logged.run}, tag {logged.tag}, step {logged.step}"


def _print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: str, left: int) -> None:
    if form == "json":
        _print_json([{name: row[name] for name in columns} for row in rows])
    elif form == "csv":
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([["" if row[name] != row[name] else guarded(row[name]) for name in columns] for row in rows])
        print(_for_terminal(file.getvalue()) if sys.stdout.isatty() else file.getvalue(), end="")
    else:
        print(table([name.replace("_", " ") for name in columns], [[_as_text(name, row[name]) for name in columns] for row in rows], left))


def _for_terminal(lines: str) -> str:
    """What is written as it is elsewhere, but has names in it, of which nothing may command a terminal."""
    return "\n".join(map(printable, lines.split("\n")))


def _as_text(name: str, value: Any) -> str:
    if name in _COUNTS or name.endswith(("positives", "negatives")):
        return count(value)
    return share(value) if isinstance(value, float) else str(value)


def _print_json(value: Any) -> None:
    print(json.dumps(_without_nan(value), indent=2))


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is undefined is null."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
