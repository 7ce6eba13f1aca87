"""Metrics in CloudWatch's embedded metric format: lines of a function's log, no request.

CloudWatch reads the metrics out of the log (CloudWatch guide, "Embedding metrics within logs").
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from aws_lambda_powertools.metrics import EphemeralMetrics

from darkroom.domain.measurements import Measurement

NAMESPACE: Final = "Darkroom"
_LOG: Final = logging.getLogger(__name__)


class EmfMetrics:
    """`ports.Metrics` of a function; each has the dimension `environment`."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """See `ports.Metrics.emit`; one line for all with the same dimensions."""
        try:
            together: dict[tuple[tuple[str, str], ...], list[Measurement]] = {}
            for one in measurements:
                together.setdefault(tuple(one.dimensions.items()), []).append(one)
            for dimensions, those in together.items():
                self._write(dict(dimensions), those)
        except Exception:  # noqa: BLE001 - no metric is worth a task
            _LOG.exception("metrics were lost")

    def _write(self, dimensions: Mapping[str, str], those: Iterable[Measurement]) -> None:
        # Without a service of its own it would have the function's, and no metric of the whole.
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
        for name, value in {"environment": self._environment, **dimensions}.items():
            metrics.add_dimension(name, value)
        for one in those:
            metrics.add_metric(one.name, one.unit, one.value)
        metrics.flush_metrics()
