"""Runs the tests on a board that is connected: pytest --target esp32p4 --port PORT."""

import pytest


@pytest.mark.esp32p4
@pytest.mark.generic
def test_synapse(dut) -> None:
    dut.run_all_single_board_cases()
