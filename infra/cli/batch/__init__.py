"""Many tasks at once: what lies below a folder, its totals, its results and its report."""
