"""What telemetry costs: medians of pairs, and who is counted."""

import pytest

from evals.telemetry_cost import Pair, Spent, summarize


def test_the_share_is_the_median_of_the_pairs() -> None:
    without = Spent(10.0, 2.0)
    report = summarize([Pair(Spent(10.0 + more, 2.0 + more / 2), without) for more in (0.1, 0.3, 5.0, -1.0, 0.2)], 0.5)
    assert report.share == pytest.approx(0.02)
    assert report.share_of_services == pytest.approx(0.01)
    assert report.quartiles[0] < report.share < report.quartiles[1]
    assert report.seconds_a_job == 10.0
