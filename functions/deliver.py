"""DELIVER's door: bring one task's results to the output bucket."""

from darkroom.composition import ports
from darkroom.pipeline.deliver import deliver
from darkroom.step_handler import door

handler = door(
    "deliver", lambda entry: deliver(ports(), entry.task_id, entry.run, entry.time_left_s)
)
