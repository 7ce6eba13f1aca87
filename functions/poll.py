"""POLL's function: asks a provider for the status of one task's job, and delivers what is done."""

from darkroom.composition import environment, ports
from darkroom.pipeline.continue_in_place import poll_and_continue
from darkroom.step_handler import step_handler

handler = step_handler(
    "poll",
    lambda call: poll_and_continue(
        ports(), call.task_id, call.run, call.time_left_s, call.waited_s
    ),
    environment,
)
