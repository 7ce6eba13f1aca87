"""A paid call: its plan, the record of its answer or refusal, and how a lost one is settled."""
