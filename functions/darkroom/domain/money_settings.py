"""The settings of money, as an environment writes them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.money_rules import DEFAULT_GUARD_TASKS, MoneyRules
from darkroom.domain.price_limit import PriceLimit
from darkroom.domain.spec import Ceiling, SpendingLimit

MAX_GUARD_TASKS = 10_000_000


class MoneySettings(BaseModel):
    """What an environment may spend.

    Attributes:
        budget: of all its tasks.
        max_price: of one call.
        guard_tasks: so many new tasks below one folder within ten minutes are no accident; there
            is always such a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    budget: SpendingLimit | None = None
    max_price: Ceiling | None = None
    guard_tasks: Annotated[int, Field(ge=1, le=MAX_GUARD_TASKS)] = DEFAULT_GUARD_TASKS

    def as_rules(self) -> MoneyRules:
        """The same for the pipeline."""
        limit, ceiling = self.budget, self.max_price
        budgets = [Budget(ENVIRONMENT, limit.usd, limit.credits, limit.per)] if limit else []
        most = PriceLimit(ceiling.credits, ceiling.usd) if ceiling else None
        return MoneyRules(tuple(budgets), most, self.guard_tasks)


def read_money_settings(document: Mapping[str, Any]) -> MoneySettings:
    """Check the settings. Raises `ValueError` with a sentence that names the field."""
    try:
        return MoneySettings.model_validate(document)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"]))
        raise ValueError(f"'{field}' is wrong: {wrong['msg']}") from error
