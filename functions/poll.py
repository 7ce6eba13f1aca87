"""POLL's function: asks a provider for the status of one task's job."""

from darkroom.composition import ports
from darkroom.pipeline.poll import poll
from darkroom.step_handler import step_handler

handler = step_handler("poll", lambda call: poll(ports(), call.task_id, call.run))
