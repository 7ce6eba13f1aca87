"""POLL's door: ask how one task's job stands."""

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.poll import poll

handler = door("poll", lambda entry: poll(ports(), entry.task_id, entry.run))
