"""What was granted, used and denied can be read while it is written, also by another process."""

from pathlib import Path

from infra.local.permissions.policy import Grant
from infra.local.permissions.record import Record, read_record

PUT, GET = Grant("Role", "s3:PutObject", "arn:aws:s3:::a/*"), Grant("Role", "s3:GetObject", "*")


def test_record_is_read_from_its_file(tmp_path: Path) -> None:
    """Each fact stands there once, however often it is noted."""
    file = tmp_path / "logs" / "permissions.log"
    record = Record(file)
    record.grant([PUT, GET, PUT])
    for _ in range(2):
        record.use(PUT)
        record.deny("User: a is not authorized")
    record.grant([PUT])
    text = file.read_text("utf-8")
    read = read_record(text)
    assert len(text.splitlines()) == 4
    assert (read.granted, read.unused()) == ([PUT, GET], [GET])
    assert read.denied == ["User: a is not authorized"]


def test_record_without_a_file_is_kept_in_memory() -> None:
    """For tests."""
    record = Record()
    record.grant([PUT])
    record.use(PUT)
    assert record.unused() == []
