from datetime import UTC, date, datetime

from dateutil.relativedelta import relativedelta

VAT_PERCENT = 19


def gross(net: int) -> int:
    """Return the price with tax, in cents."""
    return net + net * VAT_PERCENT // 100


def due(today: date | None = None) -> date:
    """Return the day by which an invoice of today has to be paid."""
    return (today or datetime.now(UTC).date()) + relativedelta(months=1)
