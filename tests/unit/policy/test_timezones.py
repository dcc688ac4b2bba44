"""The zone of a number, told by as few of its digits as tell it, is the one that the whole number tells."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from ivr.policy.calendar import timezone_of

pytestmark = pytest.mark.unit

DEFAULT = "Asia/Shanghai"


@pytest.mark.parametrize("rest", ["", "5550123", "21"])
def test_numbers_of_all_areas_have_the_zone_that_the_whole_number_tells(rest: str) -> None:
    for beginning in sorted(TIMEZONE_DATA)[::5]:
        phone = f"+{beginning}{rest}"[:16]
        try:
            zones = time_zones_for_number(phonenumbers.parse(phone))
        except phonenumbers.NumberParseException:
            continue
        if DEFAULT in zones or zones == ("Etc/Unknown",):
            zones = (DEFAULT,)
        assert timezone_of(phone, DEFAULT).key == zones[0], phone
