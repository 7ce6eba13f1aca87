"""SUBMIT's door: one run's task goes to its provider."""

from darkroom.composition import ports
from darkroom.pipeline.submit import submit
from darkroom.step_handler import door

handler = door("submit", lambda entry: submit(ports(), entry.task_id, entry.run, entry.time_left_s))
