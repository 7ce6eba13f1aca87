"""The use cases, one file each.

The workflow's steps: intake, submit (with poll_until_done), poll, deliver, fail; the reconciler,
sweep. Users' actions: retry, cancel. Intake and sweep also use release. What they share is in the
folders.
"""
