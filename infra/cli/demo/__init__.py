"""What `darkroom demo` does and how it checks what came of it."""
