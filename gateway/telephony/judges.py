"""What is taken for a telephone number: one of a range in use, or one that is merely possible."""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers

Judge = Callable[[phonenumbers.PhoneNumber], bool]

# Short codes have fewer digits, and no number has more (https://www.itu.int/rec/T-REC-E.164).
SHORTEST_POSSIBLE, LONGEST = 9, 15
NORTH_AMERICA, NO_AREA_CODES = 1, range(2_000_000_000)  # none begins with 0 or 1
# +44 7700 900xxx, of which the provider's documentation makes use:
# https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
SAMPLES_CODE, SAMPLES = 44, range(7_700_900_000, 7_700_901_000)


def is_valid(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether a number lies in a range that libphonenumber knows to be in use."""
    return bool(phonenumbers.is_valid_number(number))


def is_valid_or_sample(number: phonenumbers.PhoneNumber) -> bool:
    """Tell the same; the numbers of the provider's documentation count as British mobiles."""
    return is_valid(number) or is_sample(number)


def is_possible(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether a number may be of a range that is newer than what libphonenumber knows.

    It has as many digits as the mobiles of its country.
    """
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not SHORTEST_POSSIBLE < len(written) <= LONGEST + 1:
        return False
    if number.country_code == NORTH_AMERICA and number.national_number in NO_AREA_CODES:
        return False
    mobile = phonenumbers.PhoneNumberType.MOBILE
    found = phonenumbers.is_possible_number_for_type_with_reason(number, mobile)
    return bool(found == phonenumbers.ValidationResult.IS_POSSIBLE)


def is_sample(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether a number is one of the provider's documentation."""
    return number.country_code == SAMPLES_CODE and number.national_number in SAMPLES
