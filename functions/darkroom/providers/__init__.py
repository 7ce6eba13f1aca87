"""The providers: a package each, what adapters share, and the engine that runs them."""
