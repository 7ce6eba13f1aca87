"""What an environment measures of itself: the names, units and dimensions of its metrics.

| metric             | unit    | dimensions         | when                                         |
|--------------------|---------|--------------------|----------------------------------------------|
| TasksEnded         | Count   | outcome            | a task has ended                             |
| TasksEnded         | Count   | outcome, operation | the same                                     |
| TaskSeconds        | Seconds |                    | the same: since its trigger                  |
| OverheadSeconds    | Seconds |                    | the same: of these, what neither a provider, |
|                    |         |                    | nor a line, nor a missing file took          |
| Attempts           | Count   | provider           | the same, for each of its paid calls         |
| AttemptsFailed     | Count   | provider           | the same: 1 if the provider did not do it    |
| ProviderSeconds    | Seconds | provider           | the same: from the call to its end           |
| Credits, Usd       | None    | provider           | the same, as far as they are known           |
| Polls              | Count   | provider           | a job was asked about                        |
| Sweeps             | Count   |                    | each minute, at the end of a sweep           |
| InLine             | Count   | provider           | each minute: tasks that wait for a turn      |
| FirstInLineSeconds | Seconds | provider           | each minute: how long the first one waits    |
| Paused             | Count   | provider           | each minute: 1 while calls are paused        |
| BudgetUsed         | Percent | budget             | each minute: of the environment's budgets    |
| HeldLines          | Count   |                    | each minute: budgets that hold tasks back    |

All have the dimension `environment`, too. Every dimension has few values: CloudWatch charges for
each combination.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["Count", "None", "Percent", "Seconds"]
"""CloudWatch's words (CloudWatch API reference, "MetricDatum")."""


@dataclass(frozen=True)
class Measurement:
    """One value of one metric."""

    name: str
    value: float
    unit: Unit = "Count"
    dimensions: Mapping[str, str] = field(default_factory=dict)
