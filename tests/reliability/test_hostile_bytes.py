"""The short forms of `hostile_records.py` and `hostile_requests.py`."""

import hostile_records
import hostile_requests
import pytest

from tb_confmat_plugin import read_confusion_matrices, show


def test_mutated_records_are_read_rightly_or_refused():
    tally = hostile_records.run(3_000, seed=7)
    assert tally["event files"] > 20
    assert 100 < tally["taken by a reader"] < 2_000, "mutations that all are taken, or none, would test little"
    assert tally["matrices read from them"] > 3


def test_records_that_claim_much_take_little():
    """Those that are refused before anything is taken; the script tries those that are worked on, too."""
    worst = hostile_records.worst_records()
    for name in ("10^9 classes claimed", "2^53 - 1 cells claimed"):
        peak, _, said = hostile_records.memory_of(worst[name]())
        assert "damaged record" in said
        assert peak < 200 * 2**20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's copy of html5lib
def test_odd_requests_are_answered_in_words(tmp_path):
    hostile_requests.write_log(tmp_path, seed=7)
    with hostile_requests.application(tmp_path, fast=False) as client:
        tally = hostile_requests.run(client, str(tmp_path), 600, seed=7)
    assert set(tally) <= {200, *hostile_requests.REFUSALS}
    assert min(tally[200], tally[400], tally[404]) > 30


@pytest.mark.filterwarnings("ignore::UserWarning")  # each names its damage
@pytest.mark.parametrize("seed", range(3))
def test_a_page_of_a_damaged_log_has_no_script_of_its(tmp_path, seed):
    hostile_requests.write_log(tmp_path, seed)
    found = read_confusion_matrices(tmp_path, examples=True)
    assert len(found) > 16, "those of the good run at least"
    assert show(found).html.lower().count("</script") == 3
