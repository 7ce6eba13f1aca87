"""Plain, quick and deterministic image edits in place of the providers' models.

Images are RGB arrays of height x width x 3, masks are arrays of height x width with 0 and 255.
Nothing here knows about HTTP, credits or providers.
"""
