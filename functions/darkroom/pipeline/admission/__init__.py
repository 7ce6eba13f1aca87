"""Before a provider is called: may this run go on, may it pay now; whose trouble is it if not?"""
