"""The command `tb-confmat`: what is in a log, in a terminal and in other formats."""

import argparse
import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from tb_confmat_plugin import __version__

WORSE, TROUBLE, INTERRUPTED = 1, 2, 130
_STEPS = ("first", "last", "all")

_ABOUT = """Confusion matrices in the logs of TensorBoard: list, show, measure, compare, export and convert them, without a server.
Rows are the true classes, columns the predicted ones."""

_EXAMPLES = """examples:
  tb-confmat list --logdir runs
  tb-confmat show --logdir runs --run first --tag val --step 3
  tb-confmat diff --logdir runs first second --fail-if-worse 0.05
  tb-confmat COMMAND --help

completion for bash and zsh, with argcomplete installed:
  eval "$(register-python-argcomplete tb-confmat)"

exit codes: 0, or 1 if a class got worse (diff --fail-if-worse), or 2 for trouble"""

_LIST_EXAMPLES = """examples:
  tb-confmat list --logdir runs
  tb-confmat list --logdir s3://bucket/runs --format json"""

_SHOW_EXAMPLES = """examples:
  tb-confmat show                                   the last step of the only run below runs
  tb-confmat show --run first --step 3 --normalize true
  tb-confmat show --run first --color always | less -R"""

_METRICS_EXAMPLES = """examples:
  tb-confmat metrics                                the last step of each run and tag
  tb-confmat metrics --step all --metric accuracy --metric f1_macro
  tb-confmat metrics --run first --per-class --format csv > classes.csv"""

_DIFF_EXAMPLES = """examples:
  tb-confmat diff first second                      the last steps of two runs, by recall
  tb-confmat diff first@3 first@9 --metric precision
  tb-confmat diff @first @9                         two steps of the only run
  tb-confmat diff main candidate --fail-if-worse 0.05 --significant

A class got worse if its metric fell by more than the bound; with --significant only if that is also no chance: p-values are those of a
two-proportion z-test, or of Fisher's exact test where an expected count is below 5, adjusted after Benjamini and Hochberg for a false
discovery rate of 5%. Both take the samples of the two for independent. A class
whose metric was defined before, and is not after, got worse, too."""

_EXPORT_EXAMPLES = """examples:
  tb-confmat export --format csv -o cells.csv       all runs, tags and steps in long form
  tb-confmat export --run first --format png -o val.png --normalize true
  tb-confmat export --run first --step 3 --format latex
  tb-confmat export --format html -o report.html    the dashboard and all matrices in one file that any browser opens
  tb-confmat export --run first --run second --tag val --no-examples --format html -o report.html"""

_CONVERT_EXAMPLES = """examples:
  tb-confmat convert --logdir old --dry-run         says what would be converted
  tb-confmat convert --logdir old --scalars 'val_conf_{i}_{j}' --class-names cat,dog
  tb-confmat convert --logdir old --scalars '{tag}/{outcome}' --output new
  tb-confmat convert --predictions val.csv --tag val --output runs/first --columns true=label,predicted=guess
  tb-confmat convert --matrix counts.csv --tag val --step 3 --output runs/first

Scalars: {i} stands for the true class, {j} for the predicted one (--transposed exchanges them), {outcome} for tp, tn, fp or fn, or
true_positives and so on, {tag} for any text, which becomes the tag. What add_scalars logged as curves of a tag, each in a directory of
its own, is called tag_curve. The new records go beside the scalars, or to the same runs below
--output."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments, those of the process if left out, and returns its exit code."""
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser, exit_method=sys.exit)
    args = parser.parse_args(argv)
    with contextlib.suppress(AttributeError):  # a class name may hold what the encoding of the output does not
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # not every stream has it
    with _warnings_told():
        try:
            code: int = args.run_command(args)
            sys.stdout.flush()
            return code
        except BrokenPipeError:  # the reader of our output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return int(getattr(args, "exit_code", 0))
        except KeyboardInterrupt:
            return INTERRUPTED
        except OSError as error:
            message = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        except (ValueError, ImportError) as error:
            message = str(error)
    print(f"tb-confmat: {message}", file=sys.stderr)
    return TROUBLE


@contextlib.contextmanager
def _warnings_told() -> Iterator[None]:
    """Warnings as lines for people, each of them."""

    def tell(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"tb-confmat: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = tell
        yield


def _command(name: str) -> Any:
    """The function of a command, imported when it is run: completion and --help need nothing."""

    def run(args: argparse.Namespace) -> Any:
        from tb_confmat_plugin import commands

        return getattr(commands, f"{name}_command")(args)

    return run


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    layout = argparse.RawDescriptionHelpFormatter  # keeps the lines of the examples
    parser = argparse.ArgumentParser("tb-confmat", description=_ABOUT, epilog=_EXAMPLES, formatter_class=layout)
    parser.add_argument("--version", action="version", version=f"tb-confmat {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, about, examples, add_arguments in (
        ("list", "what confusion matrices a log has", _LIST_EXAMPLES, _add_list),
        ("show", "one matrix in the terminal, fitted to its width", _SHOW_EXAMPLES, _add_show),
        ("metrics", "accuracy, F1 and all other metrics, of whole matrices or of each class", _METRICS_EXAMPLES, _add_metrics),
        ("diff", "what changed between two runs or steps, and whether by more than chance", _DIFF_EXAMPLES, _add_diff),
        ("export", "matrices as CSV, JSON, PNG, SVG or LaTeX, or the dashboard in one HTML file", _EXPORT_EXAMPLES, _add_export),
        ("convert", "logs of one scalar a cell, or CSV files, into matrices for TensorBoard", _CONVERT_EXAMPLES, _add_convert),
    ):
        command = commands.add_parser(name, help=about, description=about, epilog=examples, formatter_class=layout)
        command.set_defaults(run_command=_command(name))
        add_arguments(command)
    return parser


def _add_list(parser: argparse.ArgumentParser) -> None:
    _add_log(parser)
    _add_format(parser)


def _add_show(parser: argparse.ArgumentParser) -> None:
    _add_log(parser)
    _add_place(parser, "the step, or first or last (default: last)")
    _add_normalize(parser)
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal, unless NO_COLOR is set")
    width = shutil.get_terminal_size().columns
    parser.add_argument("--width", type=_at_least(20), default=width, metavar="COLUMNS", help="default: that of the terminal")


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    _add_log(parser)
    _add_place(parser, "a step, or first, last or all (default: last)")
    parser.add_argument("--per-class", action="store_true", help="metrics of each class, with 95%% intervals in JSON and CSV")
    metric = parser.add_argument("--metric", action="append", metavar="NAME", help="only this one; may be given several times")
    metric.completer = _metrics  # type: ignore[attr-defined]  # for argcomplete
    _add_format(parser)


def _add_diff(parser: argparse.ArgumentParser) -> None:
    _add_log(parser)
    for which in ("before", "after"):
        argument = parser.add_argument(which, metavar=which.upper(), help="RUN, RUN@STEP or @STEP, which is last if left out")
        argument.completer = _runs  # type: ignore[attr-defined]  # for argcomplete
    parser.add_argument("--tag", help="the tag, if there are several").completer = _tags  # type: ignore[attr-defined]  # for argcomplete
    parser.add_argument("--metric", choices=("recall", "precision"), default="recall", help="of the classes (default: recall)")
    parser.add_argument("--top", type=_at_least(0), default=10, metavar="N", help="so many classes and cells in the table (default: 10)")
    parser.add_argument(
        "--fail-if-worse", type=_share, metavar="BOUND", help="exit code 1 if the metric of a class fell by more, such as 0.05"
    )
    parser.add_argument("--significant", action="store_true", help="only falls that are significant make it fail")
    _add_format(parser, ("table", "json"))


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_log(parser)
    _add_place(parser, "a step, or first, last or all (default: all for csv, html and json, else last)", default=None, several=True)
    parser.add_argument("--format", choices=("csv", "csv-dense", "html", "json", "latex", "png", "svg"), required=True)
    parser.add_argument("-o", "--output", metavar="FILE", help="default: the terminal or pipe")
    _add_normalize(parser)
    parser.add_argument("--no-examples", action="store_true", help="html without the examples behind the cells")


def _add_convert(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--logdir", metavar="DIR", help="a log directory with one scalar a cell")
    source.add_argument("--predictions", metavar="FILE", help="CSV with the columns true, predicted and maybe step, run and weight")
    source.add_argument("--matrix", metavar="FILE", help="CSV of counts: a square, or the columns true, predicted, count and maybe others")
    parser.add_argument("--output", metavar="DIR", help="the log directory to write to; with --logdir beside the scalars if left out")
    parser.add_argument("--tag", help="the tag of the matrices")
    parser.add_argument("--class-names", type=_names, metavar="NAMES", help="in order: cat,dog or @FILE with a name on each line")
    parser.add_argument("--first-class", type=int, metavar="N", help="the number of the first class, if they are numbers (default: 0)")
    parser.add_argument("--transposed", action="store_true", help="the first axis is the predicted class, not the true one")
    parser.add_argument("--dry-run", action="store_true", help="only say what was understood")
    scalars = parser.add_argument_group("with --logdir")
    scalars.add_argument("--scalars", metavar="PATTERN", help="what the scalars are called (default: several usual names)")
    about = "what to do about cells that a step lacks (default: refuse)"
    scalars.add_argument("--missing", choices=("refuse", "zero", "skip"), help=about)
    counts = parser.add_argument_group("with --logdir and --matrix")
    counts.add_argument("--weights", action="store_true", help="counts need not be whole")
    files = parser.add_argument_group("with --predictions and --matrix")
    files.add_argument("--step", type=int, metavar="N", help="the step, where the file has no column for it (default: 0)")
    predictions = parser.add_argument_group("with --predictions")
    predictions.add_argument("--columns", type=_columns, metavar="true=NAME,...", help="what columns are called")


def _add_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logdir", default="runs", metavar="DIR", help="as for tensorboard; also s3:// and the like (default: runs)")


def _add_place(parser: argparse.ArgumentParser, steps: str, default: str | None = "last", several: bool = False) -> None:
    action, about = ("append", "only this run; may be given several times") if several else ("store", "the run, if there are several")
    parser.add_argument("--run", action=action, help=about).completer = _runs  # type: ignore[attr-defined]  # for argcomplete
    parser.add_argument("--tag", help="the tag, if there are several").completer = _tags  # type: ignore[attr-defined]  # for argcomplete
    step = parser.add_argument("--step", default=default, type=_step, help=steps)
    step.completer = lambda **_: [word for word in _STEPS if word in steps]  # type: ignore[attr-defined]  # for argcomplete


def _add_format(parser: argparse.ArgumentParser, formats: Sequence[str] = ("table", "json", "csv")) -> None:
    parser.add_argument("--format", choices=formats, default="table", help="default: table")


def _add_normalize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--normalize", choices=("true", "pred", "all"), help="shares of each true class, predicted class, or of all")


def _step(text: str) -> int | str:
    if text in _STEPS:
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an integer, first, last or all, got {text!r}") from None


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a share, such as 0.05 for 5 percent, got {text!r}") from None


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected an integer of at least {least}, got {text!r}")
        return int(text)

    return number


def _names(text: str) -> list[str]:
    names = text.split(",")
    if text.startswith("@"):
        try:
            with open(text[1:], encoding="utf-8") as file:
                names = file.read().splitlines()
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{text[1:]}: {error.strerror}") from None
    if "" in names:
        raise argparse.ArgumentTypeError(f"expected a name for each class, got an empty one, number {names.index('') + 1} of {len(names)}")
    return names


def _columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and equals and called for name, equals, called in pairs):
        raise argparse.ArgumentTypeError(f"expected true=NAME,predicted=NAME and so on, got {text!r}")
    return {name: called for name, _, called in pairs}


def _runs(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The runs of the log that is named so far, for completion."""
    from tb_confmat_plugin.event_file import find_event_files

    return sorted({file.run for file in find_event_files(parsed_args.logdir)})


def _metrics(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The metrics of whole matrices, or of classes."""
    from tb_confmat_plugin.metrics import METRICS

    return [name for name, metric in METRICS.items() if metric.per_class == parsed_args.per_class]


def _tags(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Its tags."""
    from tb_confmat_plugin.reader import read_confusion_matrices

    run = getattr(parsed_args, "run", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a shell is no place for them
        return sorted({logged.tag for logged in read_confusion_matrices(parsed_args.logdir, run=run)})


if __name__ == "__main__":  # otherwise `python -m tb_confmat_plugin.cli` would do nothing, and so pass any gate
    sys.exit(main())
