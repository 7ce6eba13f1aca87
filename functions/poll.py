"""POLL's door: ask how one task's job stands."""

from darkroom.composition import ports
from darkroom.pipeline.poll import poll
from darkroom.step_handler import door

handler = door("poll", lambda entry: poll(ports(), entry.task_id, entry.run))
