"""A business's colour stays legible, whatever colour it is."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.web.theme import CARD_DARK, CARD_LIGHT, READABLE, contrast, readable

channel = st.integers(0, 255)


# On a busy machine the first draws are slow; that says nothing of the colours.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.tuples(channel, channel, channel))
def test_any_colour_becomes_one_that_text_may_have(colour):
    for ground in (CARD_LIGHT, CARD_DARK):
        assert contrast(readable(colour, ground), ground) >= READABLE


def test_contrast_is_that_of_the_guidelines():
    assert round(contrast((0, 0, 0), (255, 255, 255)), 2) == 21
    assert contrast((119, 119, 119), (255, 255, 255)) < READABLE < contrast((118, 118, 118), (255, 255, 255))
