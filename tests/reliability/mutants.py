"""Tests of the tests: small faults are put into the modules that count and store, one at a time, and a test has to fail for each.

    python tests/reliability/mutants.py [--known] [--every N] [MODULE ...]

The faults (mutants) are those of mutmut's operators, with two more: a condition is negated, and a call whose value nobody takes is left
out. mutmut's own runner would pass over properties and over the registry of metrics, as over all that is decorated or stands outside of
functions. Here each mutant is tried with the tests that run its line, quickest first, in a process forked from one that has collected
them: a fault within functions is put into these, another one is imported anew. A test may take a multiple of its time. Texts are left as
they are.

Mutants that no test notices are in `surviving_mutants.txt`, under the reason why none should; another one is an error. `--known` tries
only those.
"""

import argparse
import contextlib
import gc
import inspect
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import libcst as cst
import libcst.matchers as m
import pytest
from hypothesis import HealthCheck, Phase, settings
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

ROOT = Path(__file__).parents[2]
PACKAGE = "tb_confmat_plugin"
EXPLAINED = Path(__file__).with_name("surviving_mutants.txt")
# Module -> the tests that are about it, its own first.
TESTS = {
    "record": ["test_record", "test_classes", "test_example_record", "test_significance_records"],
    "metrics": ["test_metrics"],
    "matrix": ["test_matrix", "test_regroup", "test_predictions", "test_html", "test_plot", "test_page"],
    "store": ["test_store"],
    "accumulate": ["test_accumulate", "test_scores", "test_examples"],
}
WITHOUT_FAULTS = m.Call(func=m.Name("len") | m.Name("isinstance"))  # any argument but theirs is an error at once
FEW = 10  # examples of a property
BROKEN = 70  # the exit code of a child that failed itself
MEMORY = 4 * 2**30  # bytes beyond what the process has: a fault may ask for any number
# What codes_of() finds.
Codes = list[tuple[types.CodeType, bool]]


@dataclass(frozen=True)
class Mutant:
    """A module with one fault.

    Attributes:
      source: the whole module.
      lines: those of the statement that has the fault, in the module as it is.
      change: what became of what, the spaces in it made one.
    """

    source: str
    lines: range
    change: str


class Mutations(cst.CSTVisitor):
    """Every node that something else can be put in the place of, but annotations, decorators and texts."""

    METADATA_DEPENDENCIES = (ByteSpanPositionProvider, ParentNodeProvider, PositionProvider)

    def __init__(self, module: cst.Module) -> None:
        self._module = module
        self.found: list[tuple[slice, bytes, range]] = []  # which bytes, what in their place, and the lines of the statement

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Notes what becomes of a node; whether to look at its children."""
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom) or m.matches(node, WITHOUT_FAULTS):
            return False
        if isinstance(node, cst.If | cst.While):
            self._put(cst.UnaryOperation(cst.Not(), node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])), node.test)
        elif isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
            self._put(cst.Pass(), node)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                mutants = list(operator(node))
                if operator is operator_string and mutants:  # one other word is as good as three
                    mutants = [] if " " in node.value else mutants[:1]
                for mutant in mutants:
                    self._put(mutant, node)
        return True

    def _put(self, mutant: cst.CSTNode, node: cst.CSTNode) -> None:
        span = self.get_metadata(ByteSpanPositionProvider, node)
        text = self._module.code_for_node(mutant).strip()
        self.found.append((slice(span.start, span.start + span.length), f" {text} ".encode(), self._lines(node)))

    def _lines(self, node: cst.CSTNode) -> range:
        """Those of the statement around a node; of an `if` or a `def`, the first line and those of the node."""
        at = node
        while not isinstance(at, cst.BaseSmallStatement | cst.BaseCompoundStatement):
            at = self.get_metadata(ParentNodeProvider, at)
        first, last = self.get_metadata(PositionProvider, at), self.get_metadata(PositionProvider, node)
        return range(first.start.line, (last if isinstance(at, cst.BaseCompoundStatement) else first).end.line + 1)


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module, each once."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = Mutations(wrapper.module)
    wrapper.visit(visitor)
    before, found = source.encode(), dict[str, Mutant]()
    for place, text, lines in visitor.found:
        changed = (before[: place.start] + text + before[place.stop :]).decode()
        with contextlib.suppress(SyntaxError):
            compile(changed, "mutant", "exec")
            found.setdefault(changed, Mutant(changed, lines, _change(source.splitlines(), changed.splitlines())))
    return list(found.values())


def _change(before: list[str], after: list[str]) -> str:
    """The lines that differ, as they were and as they are."""
    first = next(at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    behind = next(at for at, (old, new) in enumerate(zip(before[::-1], after[::-1], strict=False)) if old != new)
    sides = before[first : len(before) - behind], after[first : len(after) - behind]
    return " -> ".join(" ".join(" ".join(side).split()) for side in sides)


def codes_of(source: str, path: Path) -> Codes:
    """The code of a module and of every class and function in it, each with whether it stands in none of the functions."""
    found = [(compile(source, str(path), "exec"), True)]
    for code, outside in found:  # which grows meanwhile
        within = [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
        found += [(inner, outside and not is_function(code)) for inner in within]
    return found


def is_function(code: types.CodeType) -> bool:
    """Whether it is called, and not run once as a module or a class."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def content(code: types.CodeType) -> tuple[Any, ...]:
    """What a code does, wherever it stands; the functions in a module or a class are not of it."""
    within = [content(each) if isinstance(each, types.CodeType) else repr(each) for each in code.co_consts]
    if not is_function(code):
        within = [each for each in within if isinstance(each, str)]
    return code.co_code, within, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def called(source: str, path: Path, name: str) -> set[types.CodeType]:
    """The functions of a module that are called while it is imported."""
    found = set()
    sys.setprofile(lambda frame, event, _: found.add(frame.f_code) if frame.f_code.co_filename == str(path) else None)
    exec(compile(source, str(path), "exec"), {"__name__": name})
    sys.setprofile(None)
    return {code for code in found if is_function(code)}


@dataclass
class Chosen:
    """A pytest plugin that runs some tests only, in their order."""

    tests: list[str]
    failed: Callable[[str], None]
    examples: int | None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Takes them and leaves the others."""
        place = {test: number for number, test in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])
        give_at_most(self.examples, items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Says which test fails."""
        if report.failed:
            self.failed(report.nodeid)


def give_at_most(examples: int | None, items: list[pytest.Item]) -> None:
    """Lets each property be tried with no more examples; as many as it asks for if None."""
    for item in items:
        test: Any = getattr(item, "obj", None)
        test = getattr(test, "__func__", test)  # a method has it in its function
        asked = getattr(test, "_hypothesis_internal_use_settings", None)
        if asked and examples:
            test._hypothesis_internal_use_settings = settings(asked, max_examples=min(examples, asked.max_examples))


def run_pytest(place: Path, files: list[str], plugin: Any) -> int:
    """The exit code of pytest, in this process, of the project in `place`."""
    os.chdir(place)
    os.environ["PYTHONPATH"] = sys.path[0] = str(place)
    options = ["-q", "-s", "-x", f"--basetemp={place}/tmp", "-W", "ignore:Module already imported"]
    return int(pytest.main([*options, *(f"-pno:{name}" for name in ("cacheprovider", "xdist", "cov")), *files], plugins=[plugin]))


def run_items(items: list[pytest.Item], before: Callable[[str], Any] = str, failed: Callable[[str], Any] = str) -> int:
    """Runs collected tests up to the first that fails; 1 if one does."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        before(item.nodeid)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            failed(item.nodeid)
            return 1
    return 0


def in_child(work: Callable[[], int], seconds: float) -> int | None:
    """The exit code of a forked process, its output thrown away; None if it took too long."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(null, stream)
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
            os._exit(work())
        finally:
            os._exit(BROKEN)
    ended = status = 0
    for _ in range(int(seconds * 100)):  # counted, so that the time for which both are stopped does not count
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # and what its tests have started
    if not ended:
        os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


@dataclass
class Trials:
    """A pytest plugin that, in place of the tests as they are, runs them for each mutant of a module.

    Attributes:
      place: the copy of the project.
      module: the name of the module.
      known: the changes that are known to survive.
      only_known: whether to try no others.
      every: 3 to try every third mutant, 1 for all.
      counts: how many mutants had which end.
      tried: the changes.
      survivors: those that no test noticed.
    """

    place: Path
    module: str
    known: set[str]
    only_known: bool
    every: int
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("killed", "timed out", "survived", "not run"), 0))
    tried: set[str] = field(default_factory=set)
    survivors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.path = self.place / PACKAGE / f"{self.module}.py"
        self.files = [f"tests/{name}.py" for name in TESTS[self.module]]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Takes the place of pytest's own."""
        self.items = {item.nodeid: item for item in session.items}
        ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
        teacher = multiprocessing.get_context("fork").Process(target=self._learn, args=(theirs,))
        teacher.start()
        theirs.close()
        self.seconds, tests_of = ours.recv()
        teacher.join()
        # What was compiled is read again by every child, but for the module that changes.
        os.environ["PYTHONDONTWRITEBYTECODE"], sys.dont_write_bytecode = "1", True
        for compiled in (self.place / PACKAGE / "__pycache__").glob(f"{self.module}.*"):
            compiled.unlink()
        self.source = self.path.read_text("utf-8")
        self.codes = codes_of(self.source, self.path)
        self.called = called(self.source, self.path, f"{PACKAGE}.{self.module}")
        everything = (each for each in gc.get_objects() if type(each) is types.FunctionType)
        self.functions = [function for function in everything if function.__code__.co_filename == str(self.path)]
        self.kills = dict.fromkeys(self.seconds, 0)
        self.killer = multiprocessing.get_context("fork").Value("i")  # the number of the test that failed in a child, -1 if none did
        for mutant in mutants_of(self.source)[:: self.every]:
            if self.only_known and mutant.change not in self.known:
                continue
            tests = {test for line in mutant.lines for test in tests_of.get(line, ())}
            end = self._try(mutant, tests, FEW)
            if end == "survived" and mutant.change not in self.known:
                end = self._try(mutant, tests, None)
            self.counts[end] += 1
            self.tried.add(mutant.change)
            if end == "survived":
                self.survivors.add(mutant.change)
                print(f"  {mutant.lines.start}: {mutant.change}", flush=True)
        return True

    def _learn(self, answer: Any) -> None:
        """In a child: sends what each test takes, and the tests of each line."""
        cover = coverage.Coverage(data_file=None, include=[str(self.path)], config_file=False)
        begun: dict[str, float] = {}

        def before(test: str) -> None:
            cover.switch_context(test)
            begun[test] = time.perf_counter()

        give_at_most(FEW, list(self.items.values()))
        cover.start()
        failed = run_items(list(self.items.values()), before)
        cover.stop()
        assert not failed, f"{list(begun)[-1]} fails as it is"
        ends = [*begun.values(), time.perf_counter()][1:]
        seconds = {test: end - begin for (test, begin), end in zip(begun.items(), ends, strict=True)}
        answer.send((seconds, cover.get_data().contexts_by_lineno(str(self.path))))

    def _changed(self, mutant: Mutant) -> list[tuple[types.FunctionType, types.CodeType]]:
        """The functions that are loaded and their new code; none where a fault is seen only when the module is imported."""
        after, found = codes_of(mutant.source, self.path), []
        if len(self.codes) != len(after):
            return []
        for (old, outside), (new, _) in zip(self.codes, after, strict=True):
            if content(old) != content(new):
                loaded = [function for function in self.functions if function.__code__ == old]
                if not is_function(old) or old in self.called or old.co_freevars != new.co_freevars or (outside and not loaded):
                    return []
                found += [(function, new) for function in loaded]
        return found

    def _try(self, mutant: Mutant, running_it: set[str], examples: int | None) -> str:
        """How it ends with the tests that run its line, or all if only an import shows it: those first that kill most in their time."""
        changed = self._changed(mutant)
        if changed and not running_it:
            return "not run"  # but in processes that other tests start
        tests = sorted(running_it if changed else self.seconds, key=lambda test: self.seconds[test] / (1 + self.kills[test]))
        self.killer.value = -1

        def failed(test: str) -> None:
            self.killer.value = tests.index(test)

        def work() -> int:
            self.path.write_text(mutant.source, "utf-8")  # other processes that a test starts import it
            if changed:
                for function, code in changed:
                    function.__code__ = code
                items = [self.items[test] for test in tests]
                give_at_most(examples, items)
                return run_items(items, failed=failed)
            for name, loaded in list(sys.modules.items()):
                if (getattr(loaded, "__file__", None) or "").startswith(str(self.place)):
                    del sys.modules[name]
            return run_pytest(self.place, self.files, Chosen(tests, failed, examples))

        # What is learned of a test's time is that with few examples.
        code = in_child(work, 10 + (5 if examples else 50) * sum(self.seconds[test] for test in tests))
        self.path.write_text(self.source, "utf-8")
        assert code != BROKEN, f"this script failed at {mutant.change}"
        if self.killer.value >= 0:
            self.kills[tests[self.killer.value]] += 1
        return "timed out" if code is None else "killed" if code else "survived"


def try_module(trials: Trials, answer: Any) -> None:
    """In a process of its own, which imports the module: sends the counts, what was tried and what survived."""
    code = run_pytest(trials.place, trials.files, trials)
    answer.send((trials.counts, trials.tried, trials.survivors) if code == 0 else code)


def explained() -> dict[str, set[str]]:
    """Module -> the changes that are known to survive."""
    found: dict[str, set[str]] = {module: set() for module in TESTS}
    for line in EXPLAINED.read_text("utf-8").splitlines() if EXPLAINED.exists() else []:
        module, separator, change = line.partition(": ")
        if separator and module in found:
            found[module].add(change)
    return found


def main() -> int:
    """Prints the figures of each module and the survivors, and fails if one of these is not explained."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}; all if left out")
    arguments.add_argument("--known", action="store_true", help="only the mutants that are known to survive")
    arguments.add_argument("--every", type=int, default=1, metavar="N", help="only the first of every N mutants")
    given = arguments.parse_args()
    known, wrong = explained(), 0
    # Of a failing example the first is enough, and the same examples come each time; the settings of the tests build on these.
    quick = {"phases": [Phase.explicit, Phase.generate], "suppress_health_check": list(HealthCheck)}
    settings.register_profile("first", derandomize=True, database=None, deadline=None, **quick)
    settings.load_profile("first")
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in filter(None, tracked.stdout.split("\0")):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, place / name)
        for module in given.modules or TESTS:
            begun = time.monotonic()
            print(f"{module}:", flush=True)
            ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
            trials = Trials(place, module, known[module], given.known, given.every)
            trying = multiprocessing.get_context("fork").Process(target=try_module, args=(trials, theirs))
            trying.start()
            theirs.close()
            counts, tried, survivors = ours.recv()
            trying.join()
            new, gone = sorted(survivors - known[module]), sorted(known[module] & tried - survivors)
            wrong += len(new)
            print(f"{module}: {sum(counts.values())} mutants, {', '.join(f'{count} {end}' for end, count in counts.items())}", end="")
            print(f", {len(new)} of them without a reason; {time.monotonic() - begun:.0f} s")
            for title, changes in (("without a reason", new), ("listed, but not among the survivors", gone)):
                print("".join(f"{title}: {module}: {change}\n" for change in changes), end="", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
