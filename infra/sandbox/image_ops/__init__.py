"""Plain, quick and deterministic edits that stand in for the providers' models.

Pictures are RGB arrays of height x width x 3, masks are arrays of height x width with 0 and 255.
Nothing here knows of HTTP, credits or providers.
"""
