"""The use cases, one file a verb: intake, submit, poll, deliver, fail; and sweep."""
