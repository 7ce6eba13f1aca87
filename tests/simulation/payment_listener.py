"""What the providers tell whoever watches the money; `till` listens."""

from typing import Protocol

from darkroom.domain.provider_jobs import JobRequest


class PaymentListener(Protocol):
    """Sees money move."""

    def paying(self, work: JobRequest, request: str) -> None:
        """A paid call is about to be sent."""

    def doubted(self, work: JobRequest) -> None:
        """The answer of a paid call does not reach whoever sent it."""

    def refused(self, work: JobRequest) -> None:
        """A paid call is clearly refused."""

    def answered(self, work: JobRequest) -> None:
        """The answer of a paid call reaches whoever sent it."""

    def stopping(self, job_id: str) -> None:
        """Somebody asks for a job to be stopped."""
