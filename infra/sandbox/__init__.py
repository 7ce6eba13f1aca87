"""Local copies of the providers' APIs, for trying, developing and testing without an account.

They check, charge and respond as the providers' own documents say, and edit images by plain image
processing in place of the providers' models. Nothing here may import the adapters under
`darkroom.providers`: adapters and sandboxes meet over HTTP only, so that they cannot share a
misreading. Start reading at `http_server` (how one starts) and `registry` (which exist).
"""
