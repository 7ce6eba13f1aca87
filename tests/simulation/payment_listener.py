"""The events of a paid call that the simulated providers report; `payment_monitor` listens."""

from typing import Protocol

from darkroom.domain.provider_jobs import JobRequest


class PaymentListener(Protocol):
    """Receives each event of a paid call."""

    def before_payment(self, work: JobRequest, request: str) -> None:
        """A paid call is about to be sent."""

    def record_doubtful(self, work: JobRequest) -> None:
        """The response to a paid call does not reach its caller."""

    def record_refused(self, work: JobRequest) -> None:
        """A paid call is clearly refused."""

    def record_answered(self, work: JobRequest) -> None:
        """The response to a paid call reaches its caller."""

    def before_cancel(self, job_id: str) -> None:
        """A job is about to be cancelled at its provider."""
