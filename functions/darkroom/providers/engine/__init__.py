"""What runs the adapters: HTTP with deadlines, credentials, files in and out, vetted addresses."""
