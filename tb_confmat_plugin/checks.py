"""What may be a count, and what an index: everything that comes from outside passes here first."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.counting import Counts

# Beyond this neither a float64 nor a browser can hold a count exactly.
MAX_TOTAL = 2**53 - 1


def numbers_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array, if it holds numbers."""
    if array.dtype.kind not in "iuf" and array.size:
        way_out = "; pass array.astype(int)" if array.dtype.kind == "b" else ""
        raise TypeError(f"expected counts as integers, or floats for weighted samples, got dtype {array.dtype}{way_out}")
    return array


def checked_counts(rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> Counts:
    """Counts as int64 where all are whole, else float64; refuses what cannot be a count and names its cell."""
    wrong = np.flatnonzero(~(values >= 0) | (values == np.inf))
    if len(wrong):
        at = wrong[0]
        raise ValueError(
            f"expected counts of at least 0, got {values[at].item()} at (true {rows[at]}, predicted {cols[at]})"
            + (f" and {len(wrong) - 1} more such cells" if len(wrong) > 1 else "")
        )
    refuse_excess(float(values.sum(dtype=np.float64)))
    whole = values.dtype.kind in "iu" or bool(np.all(values == np.floor(values)))
    return values.astype(np.int64 if whole else np.float64)


def refuse_excess(total: float) -> None:
    """Raises ValueError for a total that is not exact in any reader."""
    if total > MAX_TOTAL:
        raise ValueError(f"expected counts that add up to less than 2**53, which is exact in any reader, got {total:.4g}")


def checked_indices(name: str, index: npt.NDArray[Any], classes: Classes) -> npt.NDArray[np.int64]:
    """Class indices as int64; refuses what is none and names it."""
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"expected {name} as integers, got dtype {index.dtype}")
    outside = np.flatnonzero((index < 0) | (index >= len(classes)))
    if len(outside):
        at = outside[0]
        raise ValueError(f"expected {name} from 0 to {len(classes) - 1}, got {index[at]} at position {at}")
    return index.astype(np.int64)
