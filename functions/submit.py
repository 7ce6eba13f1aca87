"""SUBMIT's door: one run's task goes to its provider."""

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.submit import submit

handler = door("submit", lambda entry: submit(ports(), entry.task_id, entry.run, entry.time_left_s))
