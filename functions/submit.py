"""SUBMIT's function: sends one task to its provider, and ends it if its result is there soon."""

from darkroom.composition import environment, ports
from darkroom.pipeline.continue_in_place import submit_and_continue
from darkroom.step_handler import step_handler

handler = step_handler(
    "submit",
    lambda call: submit_and_continue(ports(), call.task_id, call.run, call.time_left_s),
    environment,
)
