"""Before a provider is called: may this run continue, and may it make a paid call now?"""
