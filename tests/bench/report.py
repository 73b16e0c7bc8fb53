"""How the benches print: tables of text, sizes and times in one unit a column, and verdicts beside targets."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))] for row in (header, *rows)
    ]
    return "\n".join("  ".join(line).rstrip() for line in [lines[0], ["-" * width for width in widths], *lines[1:]])


def milliseconds(seconds: float) -> str:
    """Three digits that count."""
    value = seconds * 1e3
    return f"{value:,.3f}" if value < 1 else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def kilobytes(count: float) -> str:
    """In 1,000 bytes."""
    return f"{count / 1e3:,.2f}" if count < 1e6 else f"{count / 1e3:,.0f}"


def verdict(what: str, value: float, most: float, unit: str) -> str:
    """One line: the value, its target, and whether it is met."""
    return f"{'PASS' if value <= most else 'MISS'}  {what}: {value:,.4g} {unit} (target: at most {most:,.4g} {unit})"
