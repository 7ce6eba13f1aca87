"""The use cases, one file each.

The workflow's steps: intake, submit, poll, deliver, fail; continue_in_place says which of them
follow each other in one invocation. The reconciler: sweep. Users' actions: retry, cancel. Intake
and sweep also use release. What they share is in the folders.
"""
