"""SUBMIT's function: sends one task to its provider."""

from darkroom.composition import ports
from darkroom.pipeline.submit import submit
from darkroom.step_handler import step_handler

handler = step_handler(
    "submit", lambda call: submit(ports(), call.task_id, call.run, call.time_left_s)
)
