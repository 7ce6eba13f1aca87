"""What a task may cost: prices, ceilings, budgets, and the tasks that these hold back."""
