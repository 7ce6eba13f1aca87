"""The generators: functions that make the output of GoAPI's tasks."""
