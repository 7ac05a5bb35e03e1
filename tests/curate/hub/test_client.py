"""What the way to the Hub refuses is one line."""

import pytest

from ovt.core.errors import OvtError
from ovt.curate.hub.client import hub_errors


@pytest.mark.parametrize("error", [ConnectionError, ConnectionResetError, TimeoutError])
def test_a_network_that_fails_in_the_middle_of_a_large_file_is_one_line(error):
    line = r"^you/x: the connection failed \(cut off\): run the same command again"
    with pytest.raises(OvtError, match=line), hub_errors("you/x"):
        raise error("cut\noff")
