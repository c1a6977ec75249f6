"""A name of an event type is judged by what it says, and each weak one is told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esbench.domains import bank, shop, video
from esbench.naming import judged, past

KEPT = {"ProcessingProgress", "ProcessingComplete"}  # as the source text has them
EVENTS = (*bank.EVENTS, *shop.EVENTS, *video.EVENTS)
SHIPPED = [kind.__name__ for kind in EVENTS if kind.__name__ not in KEPT]
GOOD = """
    OrderPlaced PaymentProcessed UserRegistered EmailAddressChanged OrderShipped
    ProductPriceIncreased PriceChanged ItemAddedToCart CheckoutInitiated
    DriverAssigned DriverArrived RideRequested RideCompleted RideRated UserLoggedIn
    PasswordReset AccountOverdrawn OrderPaid LoanRepaid HTTPRequestReceived LoggedIn
""".split()


@pytest.mark.parametrize("name", [*SHIPPED, *GOOD])
def test_a_name_that_says_what_happened_is_good(name):
    """Past tense and specific: the names of the domains, and others."""
    assert judged(name), judged(name)


@pytest.mark.parametrize(
    ("name", "kind", "better"),
    [
        ("UserUpdated", "vague", "EmailAddressChanged"),
        ("ProductChanged", "vague", "ProductPriceRaised"),
        ("PriceUpdated", "vague", "PriceRaised"),
        ("Updated", "vague", "it is different now"),
        ("ProcessingComplete", "state", "ProcessingCompleted"),
        ("ProcessingProgress", "state", "ProgressReported"),
        ("OutForDelivery", "state", "DeliveryStarted"),
        ("DriverEnRoute", "state", "DriverDeparted"),
        ("RideInProgress", "state", "RideStarted"),
        ("CartEmpty", "state", "what led to it"),
        ("OrderProcessing", "state", "OrderProcessingStarted"),
        ("InitialDeposit", "state", "no verb"),
        ("FailedPayment", "state", "PaymentFailed"),
        ("PlaceOrder", "command", "OrderPlaced"),
        ("ProcessPayment", "command", "PaymentProcessed"),
        ("WithdrawMoney", "command", "MoneyWithdrawn"),
        ("UserCreated", "database", "UserRegistered"),
        ("UserDeleted", "database", "UserClosed"),
        ("OrderPlacedEvent", "noise", "OrderPlaced"),
        ("PaymentHappened", "noise", "Payment"),
        ("OrderPlacedAndPaid", "two", "two events"),
        ("order_placed", "form", "OrderPlaced"),
        ("order placed", "form", "OrderPlaced"),
        ("", "form", "OrderPlaced"),
    ],
)
def test_a_weak_name_is_told_why_and_what_is_better(name, kind, better):
    """The reason is of its kind, and shows how a better name could read."""
    found = judged(name)
    assert (found.kind, bool(found)) == (kind, False)
    assert better in found.says
    assert repr(found) == f"{name}: weak, {found.says}"


def test_a_change_is_good_and_may_be_better():
    """PriceChanged says what changed, and not which way."""
    assert "PriceRaised, PriceCorrected" in judged("PriceChanged").says
    assert "which way" not in judged("PriceRaised").says


@pytest.mark.parametrize(
    ("verb", "participle"),
    [("carry", "Carried"), ("stop", "Stopped"), ("deliver", "Delivered")],
)
def test_verbs_get_their_past(verb, participle):
    """English has rules, and a few exceptions that are listed."""
    assert past(verb) == participle


@given(st.text(max_size=40))
def test_any_text_is_judged_and_said_on_one_line(text):
    """Nothing raises, and the reason is one line."""
    assert judged(text).says
    assert "\n" not in judged(text).says
