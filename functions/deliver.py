"""DELIVER's function: copies one task's results to the output bucket."""

from darkroom.composition import environment, ports
from darkroom.pipeline.deliver import deliver
from darkroom.step_handler import step_handler

handler = step_handler(
    "deliver",
    lambda call: deliver(ports(), call.task_id, call.run, call.time_left_s),
    environment,
)
